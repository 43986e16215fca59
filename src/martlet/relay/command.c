// SPDX-License-Identifier: MIT
// `martlet relay N [M]`: how the parent starts the relay; N is the descriptor of its end of the control channel, M that
// of the parent's /proc/self/statm. Not for people.
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/slice.h"
#include "martlet/command/command.h"
#include "martlet/relay/relay.h"

// False when it is not the number of an open descriptor of that kind.
static bool read_descriptor(const char *arg, mode_t kind, int *ret) {
    uint32_t fd = 0;
    struct stat st;
    if (!slice_to_u32(slice_from_cstr(arg), &fd) || fd > INT32_MAX || fstat((int)fd, &st) != 0 ||
        (st.st_mode & S_IFMT) != kind)
        return false;
    *ret = (int)fd;
    return true;
}

static int run_relay(int argc, char **argv) {
    int channel_fd = -1, statm_fd = -1;
    if ((argc != 2 && argc != 3) || !read_descriptor(argv[1], S_IFSOCK, &channel_fd) ||
        (argc == 3 && !read_descriptor(argv[2], S_IFREG, &statm_fd))) {
        (void)fprintf(stderr, "martlet relay: started by `martlet serve` only\n");
        return EXIT_USAGE;
    }
    return relay_run(channel_fd, statm_fd);
}

const struct command relay_command = {.name = "relay", .run = run_relay};
