// SPDX-License-Identifier: MIT
// For tests in which time passes: a program that links this file has a monotonic clock that goes on by a millisecond at
// most from one look to the next. A test that steps its loop and sleeps a little in between sees all of a real
// millisecond, and nothing of the second for which a busy machine did not let it run: time limits of the program mean
// what they mean, and no timer is ahead of the octets that are there since long.
//
// It takes the place of the C library's function, so that libevent and libcurl go by the same clock as base/clock.h. A
// thread that sleeps in the kernel until a time of this clock sleeps on, so loops have to be stepped: see
// loop_run_ready().
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STEP_NS = 1000 * 1000, SECOND_NS = 1000 * 1000 * 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t seen_ns; // of the real clock
static int64_t shown_ns;

static int64_t next(int64_t real_ns) {
    (void)pthread_mutex_lock(&lock);
    if (seen_ns == 0)
        shown_ns = real_ns;
    else if (real_ns > seen_ns)
        shown_ns += real_ns - seen_ns < STEP_NS ? real_ns - seen_ns : STEP_NS;
    if (real_ns > seen_ns)
        seen_ns = real_ns;
    int64_t ns = shown_ns;
    (void)pthread_mutex_unlock(&lock);
    return ns;
}

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the C library's are reserved
int clock_gettime(clockid_t which, struct timespec *ret) {
    if (which != CLOCK_MONOTONIC && which != CLOCK_MONOTONIC_COARSE && which != CLOCK_MONOTONIC_RAW)
        return (int)syscall(SYS_clock_gettime, which, ret);
    if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, ret) != 0)
        return -1;
    int64_t ns = next((int64_t)ret->tv_sec * SECOND_NS + ret->tv_nsec);
    ret->tv_sec = ns / SECOND_NS;
    ret->tv_nsec = ns % SECOND_NS;
    return 0;
}
