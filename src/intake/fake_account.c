// SPDX-License-Identifier: MIT
#include "intake/fake_account.h"

#include "base/mem.h"

enum { ACCOUNT_ID = 7, INBOX_ID = 8 };

struct account_login {
    struct loop_task task;
    uint64_t account_id, inbox_id;
    char *user, *password;
    bool cancelled;
    void (*on_done)(void *arg, const struct account_login_result *r);
    void *arg;
};

static void run_login(struct loop_task *task) {
    struct account_login *l = CONTAINER_OF(task, struct account_login, task);
    struct account_login_result r = {
        .verdict = ACCOUNT_OK, .account_id = l->account_id, .inbox_id = l->inbox_id, .address = l->user};
    for (char *p = l->user; *p != '\0'; p++)
        *p = ascii_lower(*p);
    r.blocked = strncmp(l->user, "blocked", 7) == 0;
    if (strcmp(l->password, "wrong-password") == 0)
        r.verdict = ACCOUNT_DENIED;
    else if (strcmp(l->password, "no-store") == 0)
        r.verdict = ACCOUNT_UNAVAILABLE;
    if (!l->cancelled)
        l->on_done(l->arg, &r);
    free(l->user);
    free(l->password);
    free(l);
}

struct account_login *account_login_start(struct account_service *a, struct loop *loop, enum account_protocol protocol,
                                          struct slice user, struct slice password, const struct net_address *peer,
                                          void (*on_done)(void *arg, const struct account_login_result *r), void *arg) {
    (void)protocol;
    (void)peer;
    struct account_login *l = MEM_NEW(struct account_login);
    l->task.run = run_login;
    l->user = slice_dup(user);
    l->password = slice_dup(password);
    l->on_done = on_done;
    l->arg = arg;
    l->account_id = a->account_id > 0 ? a->account_id : ACCOUNT_ID;
    l->inbox_id = a->inbox_id > 0 ? a->inbox_id : INBOX_ID;
    a->logins++;
    loop_post(loop, &l->task);
    return l;
}

void account_login_cancel(struct account_login *l) {
    l->cancelled = true;
}

bool account_send_allowed(struct account_service *a, uint64_t account_id, uint32_t *ret_wait_s) {
    (void)account_id;
    *ret_wait_s = 1;
    if (a->sends_left == 0)
        return false;
    a->sends_left--;
    a->sends_taken++;
    return true;
}
