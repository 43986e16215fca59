// SPDX-License-Identifier: MIT
#include "imap/verbs.h"

#include "imap/session.h"

enum {
    STRANGER = IMAP_STATE_NOT_AUTHENTICATED,
    USER = IMAP_STATE_AUTHENTICATED | IMAP_STATE_SELECTED,
    ANY = STRANGER | USER,
    SELECTED = IMAP_STATE_SELECTED,
    UID = IMAP_VERB_UID,
    UID_ONLY = IMAP_VERB_UID_ONLY,
    MESSAGES = IMAP_VERB_MESSAGES,
    KEEPS_SEQ = IMAP_VERB_KEEPS_SEQ,
    KEEPS_FLAGS = IMAP_VERB_KEEPS_FLAGS,
    QUIET = IMAP_VERB_QUIET,
};

// clang-format off
static const struct imap_verb verbs[] = {
    // RFC 3501 6.1: any state
    {{"CAPABILITY", 10},   ANY,      0,                          imap_cmd_capability},
    {{"NOOP", 4},          ANY,      0,                          imap_cmd_noop},
    {{"LOGOUT", 6},        ANY,      QUIET,                      imap_cmd_logout},
    {{"ID", 2},            ANY,      0,                          imap_cmd_id},            // RFC 2971
    // 6.2: not authenticated
    {{"STARTTLS", 8},      STRANGER, 0,                          imap_cmd_starttls},
    {{"AUTHENTICATE", 12}, STRANGER, 0,                          imap_cmd_authenticate},
    {{"LOGIN", 5},         STRANGER, 0,                          imap_cmd_login},
    // 6.3: authenticated
    {{"ENABLE", 6},        USER,     0,                          imap_cmd_enable},        // RFC 5161
    {{"SELECT", 6},        USER,     QUIET,                      imap_cmd_select},
    {{"EXAMINE", 7},       USER,     QUIET,                      imap_cmd_examine},
    {{"CREATE", 6},        USER,     0,                          imap_cmd_create},
    {{"DELETE", 6},        USER,     0,                          imap_cmd_delete},
    {{"RENAME", 6},        USER,     0,                          imap_cmd_rename},
    {{"SUBSCRIBE", 9},     USER,     0,                          imap_cmd_subscribe},
    {{"UNSUBSCRIBE", 11},  USER,     0,                          imap_cmd_unsubscribe},
    {{"LIST", 4},          USER,     0,                          imap_cmd_list},
    {{"LSUB", 4},          USER,     0,                          imap_cmd_lsub},
    {{"STATUS", 6},        USER,     0,                          imap_cmd_status},
    {{"APPEND", 6},        USER,     0,                          imap_cmd_append},
    {{"NAMESPACE", 9},     USER,     0,                          imap_cmd_namespace},     // RFC 2342
    {{"IDLE", 4},          USER,     QUIET,                      imap_cmd_idle},          // RFC 2177
    {{"GETQUOTA", 8},      USER,     0,                          imap_cmd_getquota},      // RFC 2087
    {{"GETQUOTAROOT", 12}, USER,     0,                          imap_cmd_getquotaroot},
    {{"SETQUOTA", 8},      USER,     0,                          imap_cmd_setquota},
    {{"GETMETADATA", 11},  USER,     0,                          imap_cmd_getmetadata},   // RFC 5464
    {{"SETMETADATA", 11},  USER,     0,                          imap_cmd_setmetadata},
    // 6.4: selected
    {{"CHECK", 5},         SELECTED, 0,                          imap_cmd_noop},
    {{"CLOSE", 5},         SELECTED, QUIET,                      imap_cmd_close},
    {{"UNSELECT", 8},      SELECTED, QUIET,                      imap_cmd_unselect},      // RFC 3691
    {{"EXPUNGE", 7},       SELECTED, 0,                          imap_cmd_expunge},
    {{"EXPUNGE", 7},       SELECTED, UID_ONLY | MESSAGES,        imap_cmd_uid_expunge},   // RFC 4315
    {{"SEARCH", 6},        SELECTED, UID | MESSAGES | KEEPS_SEQ, imap_cmd_search},
    {{"FETCH", 5},         SELECTED, UID | MESSAGES | KEEPS_SEQ | KEEPS_FLAGS, imap_cmd_fetch},
    {{"STORE", 5},         SELECTED, UID | MESSAGES | KEEPS_SEQ, imap_cmd_store},
    {{"COPY", 4},          SELECTED, UID | MESSAGES,             imap_cmd_copy},
    {{"MOVE", 4},          SELECTED, UID | MESSAGES,             imap_cmd_move},          // RFC 6851
};
// clang-format on

const struct imap_verb *imap_verb_find(struct slice name, bool uid) {
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        unsigned flags = verbs[i].flags;
        bool fits = uid ? (flags & (UID | UID_ONLY)) != 0 : (flags & UID_ONLY) == 0;
        if (fits && slice_eq_ci(name, verbs[i].name))
            return &verbs[i];
    }
    return NULL;
}
