// SPDX-License-Identifier: MIT
// Tells the service manager how we are (sd_notify(3), the protocol of systemd's Type=notify); without one, nothing
// happens.
#pragma once

#include <stdint.h>

void notify_ready(void);
// A reload has begun; notify_ready() says that it has ended, either way.
void notify_reloading(void);
void notify_stopping(void);
// All is well; `connections` are open. "serving, 12 connections" is what `systemctl status` shows.
void notify_alive(unsigned connections);
// Not all is well, or not yet; for `systemctl status`.
void notify_status(const char *sentence);

// The service manager ends us after so long without notify_alive(); without one, what we use for ourselves.
uint64_t notify_watchdog_ms(void);
