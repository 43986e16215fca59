// SPDX-License-Identifier: MIT
#include "martlet/parent/helper.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "martlet/parent/spawn.h"

bool helper_start(struct helper *h, const char *const *argv, uint32_t life_max_ms) {
    ASSERT(h->pid == 0);
    pid_t pid = spawn_helper(argv);
    if (pid < 0) {
        log_error("parent.helper", "error=\"%s\"", strerror(errno));
        return false;
    }
    *h = (struct helper){pid, clock_mono_ms() + life_max_ms};
    return true;
}

static void kill_all(const struct helper *h) {
    // The group is its own from before it runs; the process itself in case it has not come that far.
    (void)kill(-h->pid, SIGKILL);
    (void)kill(h->pid, SIGKILL);
}

void helper_check(struct helper *h, uint64_t now_ms, const char *what, uint32_t life_max_ms) {
    if (h->pid == 0 || now_ms < h->kill_at_ms)
        return;
    log_error("parent.helper", "error=\"%s hangs and is ended\" after_ms=%u", what, life_max_ms);
    kill_all(h);
    h->kill_at_ms = now_ms + life_max_ms;
}

void helper_stop(struct helper *h) {
    if (h->pid == 0)
        return;
    kill_all(h);
    while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    h->pid = 0;
}

bool helper_ended(struct helper *h, pid_t pid, int status) {
    if (h->pid == 0 || pid != h->pid)
        return false;
    (void)kill(-pid, SIGKILL);
    h->pid = 0;
    if (WIFSIGNALED(status))
        log_error("parent.helper", "signal=%d", WTERMSIG(status));
    return true;
}
