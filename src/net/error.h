// SPDX-License-Identifier: MIT
// What the network said, in words for a log or a bounce.
#pragma once

// A static text for an errno of a socket, without any address: "connection refused".
const char *net_error_text(int error);
