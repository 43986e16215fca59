// SPDX-License-Identifier: MIT
// The verbs of each role (RFC 5321, 6409, 4954, 3207, 3030): where each is allowed, and what it does.
#include "smtp/parser.h"
#include "smtp/server/session.h"

enum verb_flag {
    VERB_IN_CLEAR = 1 << 0,    // allowed before STARTTLS (RFC 3207 4)
    VERB_NO_ARGUMENT = 1 << 1, // anything after the verb is an error
    VERB_SUBMISSION = 1 << 2,  // of this role alone
    VERB_RELAY = 1 << 3,
};

struct verb {
    const char *name;
    unsigned states; // enum smtp_state in which it is allowed
    unsigned flags;
    void (*run)(struct smtp_session *s, struct slice argument);
    const char *out_of_order; // the reply in other states, once EHLO was said
};

enum { AFTER_EHLO = SMTP_STATE_ANY & ~SMTP_STATE_GREETED };

static const struct verb verbs[] = {
    {"EHLO", SMTP_STATE_ANY, VERB_IN_CLEAR, smtp_cmd_ehlo, NULL},
    {"HELO", SMTP_STATE_ANY, VERB_IN_CLEAR, smtp_cmd_helo, NULL},
    {"STARTTLS", SMTP_STATE_READY, VERB_IN_CLEAR | VERB_NO_ARGUMENT, smtp_cmd_starttls,
     "503 5.5.1 Error: MAIL transaction in progress"},
    {"AUTH", SMTP_STATE_READY, VERB_SUBMISSION, smtp_cmd_auth, "503 5.5.1 Error: MAIL transaction in progress"},
    {"MAIL", SMTP_STATE_READY, 0, smtp_cmd_mail, "503 5.5.1 Error: nested MAIL command"},
    {"RCPT", SMTP_STATE_ENVELOPE, 0, smtp_cmd_rcpt, "503 5.5.1 Error: need MAIL command"},
    {"DATA", SMTP_STATE_ENVELOPE | SMTP_STATE_READY, VERB_NO_ARGUMENT, smtp_cmd_data,
     "503 5.5.1 Error: DATA within BDAT"},
    // Its octets follow whatever the answer is, so the command itself looks at the state.
    {"BDAT", SMTP_STATE_ANY, VERB_IN_CLEAR, smtp_cmd_bdat, NULL},
    {"RSET", SMTP_STATE_ANY, VERB_NO_ARGUMENT, smtp_cmd_rset, NULL},
    {"NOOP", SMTP_STATE_ANY, VERB_IN_CLEAR, smtp_cmd_noop, NULL},
    {"QUIT", SMTP_STATE_ANY, VERB_IN_CLEAR | VERB_NO_ARGUMENT, smtp_cmd_quit, NULL},
    {"VRFY", SMTP_STATE_ANY, VERB_SUBMISSION, smtp_cmd_vrfy, NULL},
    {"VRFY", SMTP_STATE_ANY, VERB_RELAY | VERB_IN_CLEAR, smtp_cmd_vrfy, NULL}, // it tells nothing anyway
    {"HELP", SMTP_STATE_ANY, 0, smtp_cmd_help, NULL},
};

static const struct verb *find_verb(const struct smtp_session *s, struct slice name) {
    unsigned of_others = smtp_session_is_relay(s) ? VERB_SUBMISSION : VERB_RELAY;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (!(verbs[i].flags & of_others) && slice_eq_ci(name, slice_from_cstr(verbs[i].name)))
            return &verbs[i];
    return NULL;
}

void smtp_command_run(struct smtp_session *s, struct slice line) {
    struct smtp_command c;
    if (!smtp_command_parse(line, &c)) {
        smtp_session_refuse(s, "500 5.5.2 Error: bad syntax");
        return;
    }
    const struct verb *v = find_verb(s, c.verb);
    if (v == NULL)
        smtp_session_refuse(s, "502 5.5.2 Error: command not recognized");
    else if (!conn_is_tls(s->conn) && !(v->flags & VERB_IN_CLEAR))
        smtp_session_refuse(s, "530 5.7.0 Must issue a STARTTLS command first");
    else if (!(v->states & s->state))
        smtp_session_refuse(s, (AFTER_EHLO & s->state) ? v->out_of_order : "503 5.5.1 Error: send EHLO first");
    else if ((v->flags & VERB_NO_ARGUMENT) && c.argument.len > 0)
        smtp_session_refuse(s, "501 5.5.4 Error: no argument expected");
    else
        v->run(s, c.argument);
}
