// SPDX-License-Identifier: MIT
#include "martlet/parent/acme_helper.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "martlet/acme/plan.h"
#include "martlet/acme/status.h"

enum { REST_MS = 60 * 1000 };

static bool is_due(struct acme_helper *h, const struct config *config, bool has_certificate) {
    char error[FILES_ERROR_MAX];
    struct acme_status status = {0};
    int fd = acme_dir_open(config->state_dir, false, error);
    if (fd >= 0) {
        acme_status_read(fd, &status);
        (void)close(fd);
    }
    int64_t now_s = clock_wall_s();
    // The CA that has asked for patience gets it, from restarts and operators too; it counts what it is asked.
    bool has_to_wait = status.limited_by[0] != '\0' && strcmp(status.limited_by, config->acme_directory) == 0;
    struct acme_times times = {status.last_attempt_s, status.next_attempt_s, has_certificate, has_to_wait};
    bool ret = acme_is_due(&times, !h->has_looked, now_s);
    if (h->is_asked && has_to_wait && !ret)
        log_warning("acme.patience",
                    "reason=\"the CA has asked for patience and is not asked again before its time\" "
                    "next_s=%lld",
                    (long long)(status.next_attempt_s - now_s));
    else if (h->is_asked)
        return true;
    h->is_asked = false;
    return ret && clock_mono_ms() >= h->rest_until_ms;
}

void acme_helper_look(struct acme_helper *h, const struct config *config, bool has_certificate) {
    if (h->process.pid > 0 || !is_due(h, config, has_certificate)) {
        h->has_looked = true;
        return;
    }
    h->has_looked = true;
    h->is_asked = false;
    const char *argv[] = {"martlet",  "acme-run",          "--state-dir", config->state_dir,
                          "--domain", config->mail_domain, "--directory", config->acme_directory,
                          "--email",  config->acme_email,  "--dns-hook",  config->acme_dns_hook,
                          NULL};
    (void)!helper_start(&h->process, argv, ACME_HELPER_LIFE_MAX_MS);
}

void acme_helper_check(struct acme_helper *h, uint64_t now_ms) {
    helper_check(&h->process, now_ms, "the ACME client", ACME_HELPER_LIFE_MAX_MS);
}

void acme_helper_stop(struct acme_helper *h) {
    helper_stop(&h->process);
}

bool acme_helper_ended(struct acme_helper *h, pid_t pid, int status) {
    if (!helper_ended(&h->process, pid, status))
        return false;
    h->rest_until_ms = !WIFEXITED(status) || WEXITSTATUS(status) != 0 ? clock_mono_ms() + REST_MS : 0;
    return true;
}
