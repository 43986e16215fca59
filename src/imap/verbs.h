// SPDX-License-Identifier: MIT
// The table of commands, and the function of each. They stand in cmd_*.c.
#pragma once

#include "base/slice.h"
#include "imap/command.h"

// NULL when there is no such command.
const struct imap_verb *imap_verb_find(struct slice name, bool uid);

// cmd_auth.c
void imap_cmd_login(struct imap_command *cmd);
void imap_cmd_authenticate(struct imap_command *cmd);
void imap_cmd_starttls(struct imap_command *cmd);
// cmd_any.c
void imap_cmd_capability(struct imap_command *cmd);
void imap_cmd_noop(struct imap_command *cmd);
void imap_cmd_logout(struct imap_command *cmd);
void imap_cmd_id(struct imap_command *cmd);
void imap_cmd_enable(struct imap_command *cmd);
void imap_cmd_namespace(struct imap_command *cmd);
// cmd_select.c
void imap_cmd_select(struct imap_command *cmd);
void imap_cmd_examine(struct imap_command *cmd);
void imap_cmd_close(struct imap_command *cmd);
void imap_cmd_unselect(struct imap_command *cmd);
// cmd_status.c
void imap_cmd_status(struct imap_command *cmd);
// cmd_list.c
void imap_cmd_list(struct imap_command *cmd);
void imap_cmd_lsub(struct imap_command *cmd);
// cmd_mailbox.c
void imap_cmd_create(struct imap_command *cmd);
void imap_cmd_delete(struct imap_command *cmd);
void imap_cmd_rename(struct imap_command *cmd);
void imap_cmd_subscribe(struct imap_command *cmd);
void imap_cmd_unsubscribe(struct imap_command *cmd);
// cmd_append.c
void imap_cmd_append(struct imap_command *cmd);
// cmd_fetch.c
void imap_cmd_fetch(struct imap_command *cmd);
// cmd_store.c
void imap_cmd_store(struct imap_command *cmd);
// cmd_copy.c
void imap_cmd_copy(struct imap_command *cmd);
void imap_cmd_move(struct imap_command *cmd);
void imap_cmd_expunge(struct imap_command *cmd);
void imap_cmd_uid_expunge(struct imap_command *cmd);
// cmd_search.c
void imap_cmd_search(struct imap_command *cmd);
// cmd_idle.c
void imap_cmd_idle(struct imap_command *cmd);
// cmd_quota.c
void imap_cmd_getquota(struct imap_command *cmd);
void imap_cmd_getquotaroot(struct imap_command *cmd);
void imap_cmd_setquota(struct imap_command *cmd);
// cmd_metadata.c
void imap_cmd_getmetadata(struct imap_command *cmd);
void imap_cmd_setmetadata(struct imap_command *cmd);
