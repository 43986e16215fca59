// SPDX-License-Identifier: MIT
// Threads, which a program starts with or not at all.
#pragma once

#include <pthread.h>
#include <stddef.h>

// Joined by the caller. `stack_size` in octets; 0: what the system gives. When the system allows no more of them, that
// is said in one line on standard error, and the program ends with status 1.
void thread_start(pthread_t *ret, size_t stack_size, void *(*run)(void *arg), void *arg);
// The same with all signals blocked: they are for others.
void thread_start_deaf(pthread_t *ret, size_t stack_size, void *(*run)(void *arg), void *arg);
