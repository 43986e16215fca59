// SPDX-License-Identifier: MIT
#include "admin/control.h"

#include <unistd.h>

#include "admin/session.h"

// The socket's mode says the same; this holds when somebody has changed that.
static bool is_operator(const struct conn *c) {
    uid_t uid = 0;
    return conn_peer_uid(c, &uid) && (uid == 0 || uid == geteuid());
}

void *control_session_open(void *arg, struct conn *c) {
    return is_operator(c) ? control_session_new(arg, c) : NULL;
}
