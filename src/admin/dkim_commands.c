// SPDX-License-Identifier: MIT
// The keys that sign outgoing mail: which there are, and that their files have changed.
#include "admin/command.h"
#include "admin/session.h"

void control_dkim_list(struct control_session *s, const json_t *request) {
    json_t *rows = s->server->dkim_list != NULL ? s->server->dkim_list(s->server->dkim_arg) : NULL;
    for (size_t i = 0; i < json_array_size(rows); i++)
        control_row(s, json_incref(json_array_get(rows, i)));
    json_decref(rows);
    control_ok(s, NULL);
}

void control_dkim_reload(struct control_session *s, const json_t *request) {
    if (s->server->dkim_reload == NULL) {
        control_fail(s, "this relay does not sign: its domain is an IP address");
        return;
    }
    s->server->dkim_reload(s->server->dkim_arg);
    control_ok(s, NULL);
}
