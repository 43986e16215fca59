// SPDX-License-Identifier: MIT
// The commands of the control socket, a file for each family.
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/slice.h"

struct control_session;

enum { CONTROL_PARAMETERS_MAX = 2 };

// Every parameter is required.
struct control_parameter {
    const char *name; // NULL: no more
    json_type type;   // JSON_STRING or JSON_INTEGER
};
struct control_command {
    const char *name;
    struct control_parameter parameters[CONTROL_PARAMETERS_MAX];
    bool changes; // something: the log says that it was done
    // The parameters are there with their types. Ends, now or later, with control_ok() or control_fail().
    void (*run)(struct control_session *s, const json_t *request);
};

// NULL when there is no such command.
const struct control_command *control_command_find(const char *name);
// A parameter of a request that has been checked.
struct slice control_text(const json_t *request, const char *name);
json_int_t control_number(const json_t *request, const char *name);

// account_commands.c
void control_account_list(struct control_session *s, const json_t *request);
void control_account_show(struct control_session *s, const json_t *request);
void control_account_block(struct control_session *s, const json_t *request);
void control_account_unblock(struct control_session *s, const json_t *request);
void control_account_create(struct control_session *s, const json_t *request);
void control_account_delete(struct control_session *s, const json_t *request);

// invitation_commands.c
void control_invitation_add(struct control_session *s, const json_t *request);
void control_invitation_list(struct control_session *s, const json_t *request);
void control_invitation_delete(struct control_session *s, const json_t *request);

// relay_commands.c
void control_ping(struct control_session *s, const json_t *request);
void control_challenge_set(struct control_session *s, const json_t *request);
void control_challenge_clear(struct control_session *s, const json_t *request);

// dkim_commands.c
void control_dkim_list(struct control_session *s, const json_t *request);
void control_dkim_reload(struct control_session *s, const json_t *request);

// queue_commands.c
void control_queue_drop(struct control_session *s, const json_t *request);
void control_queue_list(struct control_session *s, const json_t *request);
void control_queue_retry(struct control_session *s, const json_t *request);
void control_queue_show(struct control_session *s, const json_t *request);

// expire_commands.c
void control_expire_dry_run(struct control_session *s, const json_t *request);

// metrics_commands.c
void control_metrics(struct control_session *s, const json_t *request);

// status_commands.c
void control_status(struct control_session *s, const json_t *request);
