// SPDX-License-Identifier: MIT
// `martlet relay N`: how the parent starts the relay; N is the descriptor of its end of the control channel. Not for
// people.
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/slice.h"
#include "martlet/command.h"
#include "martlet/relay.h"

static int run_relay(int argc, char **argv) {
    uint32_t fd = 0;
    struct stat st;
    if (argc != 2 || !slice_to_u32(slice_from_cstr(argv[1]), &fd) || fd > INT32_MAX || fstat((int)fd, &st) != 0 ||
        !S_ISSOCK(st.st_mode)) {
        (void)fprintf(stderr, "martlet relay: started by `martlet serve` only\n");
        return EXIT_USAGE;
    }
    return relay_run((int)fd);
}

const struct command relay_command = {.name = "relay", .run = run_relay};
