// SPDX-License-Identifier: MIT
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"

// EAGAIN stands for any of these limits (pthread_create(3)). Nothing of the program is torn down: other threads run.
_Noreturn static void give_up(int error) {
    (void)fprintf(stderr,
                  "martlet: no thread can be started (%s): raise TasksMax= of the service or `ulimit -u`, or give it "
                  "more memory\n",
                  strerror(error));
    _exit(EXIT_FAILURE);
}

void thread_start(pthread_t *ret, size_t stack_size, void *(*run)(void *arg), void *arg) {
    pthread_attr_t attr;
    ASSERT(pthread_attr_init(&attr) == 0);
    ASSERT(stack_size == 0 || pthread_attr_setstacksize(&attr, stack_size) == 0);
    int error = pthread_create(ret, &attr, run, arg);
    if (error != 0)
        give_up(error);
    (void)pthread_attr_destroy(&attr);
}

void thread_start_deaf(pthread_t *ret, size_t stack_size, void *(*run)(void *arg), void *arg) {
    sigset_t all, before;
    ASSERT(sigfillset(&all) == 0 && pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    thread_start(ret, stack_size, run, arg);
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}
