// SPDX-License-Identifier: MIT
#include "admin/command.h"

#include <string.h>

#include "base/panic.h"

#define ADDRESS                                                                                                        \
    { "address", JSON_STRING }
#define DESTINATION                                                                                                    \
    { "destination", JSON_STRING }
#define TOKEN                                                                                                          \
    { "token", JSON_STRING }

static const struct control_command commands[] = {
    {"account-block", {ADDRESS}, true, control_account_block},
    {"account-create", {ADDRESS, {"hash", JSON_STRING}}, true, control_account_create},
    {"account-delete", {ADDRESS}, true, control_account_delete},
    {"account-list", {{0}}, false, control_account_list},
    {"account-show", {ADDRESS}, false, control_account_show},
    {"account-unblock", {ADDRESS}, true, control_account_unblock},
    {"challenge-clear", {TOKEN}, true, control_challenge_clear},
    {"challenge-set", {TOKEN, {"authorization", JSON_STRING}}, true, control_challenge_set},
    {"dkim-list", {{0}}, false, control_dkim_list},
    {"dkim-reload", {{0}}, true, control_dkim_reload},
    {"expire-dry-run", {{"days", JSON_INTEGER}}, false, control_expire_dry_run},
    {"invitation-add", {{"uses", JSON_INTEGER}, {"days", JSON_INTEGER}}, true, control_invitation_add},
    {"invitation-delete", {TOKEN}, true, control_invitation_delete},
    {"invitation-list", {{0}}, false, control_invitation_list},
    {"metrics", {{0}}, false, control_metrics},
    {"ping", {{0}}, false, control_ping},
    {"queue-drop", {DESTINATION, {"id", JSON_INTEGER}}, true, control_queue_drop},
    {"queue-list", {{0}}, false, control_queue_list},
    {"queue-retry", {DESTINATION}, true, control_queue_retry},
    {"queue-show", {DESTINATION}, false, control_queue_show},
    {"status", {{0}}, false, control_status},
};

const struct control_command *control_command_find(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

struct slice control_text(const json_t *request, const char *name) {
    const json_t *value = json_object_get(request, name);
    ASSERT(json_is_string(value));
    return slice_make(json_string_value(value), json_string_length(value));
}

json_int_t control_number(const json_t *request, const char *name) {
    const json_t *value = json_object_get(request, name);
    ASSERT(json_is_integer(value));
    return json_integer_value(value);
}
