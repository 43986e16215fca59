// SPDX-License-Identifier: MIT
// Assertions that are always compiled in. A failed ASSERT is a bug of ours, never a peer's mistake.
#pragma once

// Prints one line to standard error and aborts. Never returns.
_Noreturn void panic_at(const char *file, int line, const char *what);

#define ASSERT(cond) ((cond) ? (void)0 : panic_at(__FILE__, __LINE__, #cond))
#define UNREACHABLE() panic_at(__FILE__, __LINE__, "unreachable")

// The attribute of every function whose result must not be dropped.
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// The struct of type `type` whose member `member` is at `ptr`.
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - __builtin_offsetof(type, member)))
