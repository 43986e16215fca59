// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int min_level = LOG_LEVEL_INFO;
static _Atomic uint64_t last_session_id;

void log_set_level(enum log_level min) {
    atomic_store(&min_level, (int)min);
}

bool log_enabled(enum log_level level) {
    return (int)level >= atomic_load_explicit(&min_level, memory_order_relaxed);
}

void log_event(enum log_level level, const char *event, const char *fmt, ...) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    if (!log_enabled(level))
        return;
    char line[1024];
    int head = snprintf(line, sizeof(line), "%s %s ", names[level], event);
    ASSERT(head > 0 && (size_t)head < sizeof(line));
    va_list args;
    va_start(args, fmt);
    int body = vsnprintf(line + head, sizeof(line) - (size_t)head, fmt, args);
    va_end(args);
    size_t len = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (len > sizeof(line) - 1)
        len = sizeof(line) - 1;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    // One write a line, so that lines of threads and processes do not mix. A log that cannot be written is lost.
    ssize_t n = write(STDERR_FILENO, line, len);
    (void)n;
}

uint64_t log_session_id(void) {
    return atomic_fetch_add_explicit(&last_session_id, 1, memory_order_relaxed) + 1;
}
