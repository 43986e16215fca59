// SPDX-License-Identifier: MIT
// EHLO and HELO (RFC 5321 4.1.1.1): what is offered.
#include "config/config.h"
#include "smtp/parser.h"
#include "smtp/server/session.h"

// The session is ready for a transaction; one that was open is over.
static bool enter_ready(struct smtp_session *s, struct slice name) {
    if (!smtp_is_plausible_name(name)) {
        smtp_session_refuse(s, "501 5.5.4 Error: a host name is expected");
        return false;
    }
    smtp_transaction_drop(s);
    s->state = SMTP_STATE_READY;
    return true;
}

void smtp_cmd_helo(struct smtp_session *s, struct slice argument) {
    if (!enter_ready(s, argument))
        return;
    const struct config *config = config_acquire(s->server->config);
    smtp_session_reply(s, "250 %s", config->mail_domain);
    config_release(s->server->config, config);
}

void smtp_cmd_ehlo(struct smtp_session *s, struct slice argument) {
    if (!enter_ready(s, argument))
        return;
    const struct config *config = config_acquire(s->server->config);
    smtp_session_reply(s, "250-%s", config->mail_domain);
    smtp_session_reply(s, "250-PIPELINING");
    smtp_session_reply(s, "250-SIZE %llu", (unsigned long long)config->max_message_size);
    // Before the handshake no password may be sent; clients compare this line octet by octet.
    if (!conn_is_tls(s->conn))
        smtp_session_reply(s, "250-STARTTLS");
    else if (!smtp_session_is_relay(s))
        smtp_session_reply(s, "250-AUTH PLAIN LOGIN");
    smtp_session_reply(s, "250-ENHANCEDSTATUSCODES");
    smtp_session_reply(s, "250-8BITMIME");
    smtp_session_reply(s, "250-SMTPUTF8");
    smtp_session_reply(s, "250 CHUNKING");
    config_release(s->server->config, config);
}
