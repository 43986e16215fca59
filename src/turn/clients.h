// SPDX-License-Identifier: MIT
// What clients send: told apart, and given to where it belongs. Private to turn/.
#pragma once

#include "net/udp.h"

// Of the door `arg`.
udp_on_datagrams turn_clients_on_datagrams;
