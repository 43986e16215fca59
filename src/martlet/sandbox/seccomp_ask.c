// SPDX-License-Identifier: MIT
// Says of each line `NAME [ARGUMENT]...` of its input (numbers) what the system call filter says to that call, on the
// architecture that it is built for: `NAME allow`, `NAME errno N`, `NAME kill` or `NAME unknown`.
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "martlet/sandbox/seccomp_verdict.h"

static void answer(const struct seccomp_program *p, const char *name, struct slice rest) {
    int number = seccomp_syscall_resolve_name(name);
    if (number < 0) {
        (void)printf("%s unknown\n", name);
        return;
    }
    struct seccomp_data call = {.nr = number, .arch = seccomp_own_arch()};
    for (size_t i = 0; i < ARRAY_LEN(call.args); i++) {
        uint64_t argument;
        if (slice_to_u64(slice_next_word(&rest), &argument))
            call.args[i] = argument;
    }
    uint32_t verdict = seccomp_verdict(p, &call);
    if (verdict == SECCOMP_RET_ALLOW)
        (void)printf("%s allow\n", name);
    else if ((verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
        (void)printf("%s errno %u\n", name, verdict & SECCOMP_RET_DATA);
    else
        (void)printf("%s kill\n", name);
}

int main(void) {
    struct seccomp_program program;
    if (!seccomp_program_load(&program)) {
        (void)fputs("seccomp_ask: there is no filter\n", stderr);
        return 1;
    }
    char line[256], name[64];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        struct slice rest = slice_from_cstr(line);
        struct slice word = slice_next_word(&rest);
        (void)snprintf(name, sizeof(name), "%.*s", SLICE_FMT(word));
        answer(&program, name, rest);
    }
    seccomp_program_free(&program);
    return 0;
}
