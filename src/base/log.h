// SPDX-License-Identifier: MIT
// Logging: one line an event on standard error, `level event key=value ...`. No mail address, no IP address and no
// content at normal level, ever. Libraries return errors; the session or service that owns the work logs once.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

enum log_level {
    LOG_LEVEL_DEBUG, // may hold addresses; off unless an operator asks
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING, // something is odd, service goes on
    LOG_LEVEL_ERROR,   // something failed that an operator must know
};

void log_set_level(enum log_level min);
bool log_enabled(enum log_level level);

// `event` is a fixed word like "smtp.accepted"; fmt makes the rest, "key=value key=value". Control characters are
// replaced.
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_debug(event, ...)                                                                                          \
    do {                                                                                                               \
        if (log_enabled(LOG_LEVEL_DEBUG))                                                                              \
            log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__);                                                            \
    } while (0)
#define log_info(event, ...) log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_LEVEL_ERROR, event, __VA_ARGS__)

// A new session id, unique in this process; shown as sid=%llx.
uint64_t log_session_id(void);
