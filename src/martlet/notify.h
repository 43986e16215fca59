// SPDX-License-Identifier: MIT
// Tells the service manager how far we are (sd_notify(3)); without one, nothing happens.
#pragma once

// `state` is for example "READY=1".
void notify_service_manager(const char *state);
