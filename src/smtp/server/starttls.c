// SPDX-License-Identifier: MIT
// STARTTLS (RFC 3207). The connection drops what came in clear after the command, so that nothing injected there is
// obeyed.
#include "smtp/server/session.h"

// Until the handshake is done no octet is shown; should one be, it is dropped.
static size_t take_nothing(struct smtp_session *s, struct slice octets) {
    (void)s;
    return octets.len;
}

void smtp_cmd_starttls(struct smtp_session *s, struct slice argument) {
    (void)argument;
    if (conn_is_tls(s->conn)) {
        smtp_session_refuse(s, "503 5.5.1 Error: TLS already active");
        return;
    }
    smtp_session_reply(s, "220 2.0.0 Ready to start TLS");
    smtp_session_expect(s, take_nothing, SMTP_TIMEOUT_STRANGER_MS);
    conn_start_tls(s->conn, s->server->tls);
}
