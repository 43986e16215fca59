// SPDX-License-Identifier: MIT
#include "imap/capability.h"

#include "imap/session.h"
#include "net/conn.h"

const char *imap_capabilities(const struct imap_session *s) {
    // ID is understood at any time; after login it is not named, because clients that see it there spend a round trip
    // on it.
    if (s->state != IMAP_STATE_NOT_AUTHENTICATED)
        return "IMAP4rev1 SASL-IR ENABLE IDLE LITERAL+ UNSELECT CHILDREN NAMESPACE UIDPLUS MOVE SPECIAL-USE QUOTA "
               "METADATA "
               "XDELTAPUSH XCHATMAIL";
    if (!conn_is_tls(s->conn))
        return "IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+ STARTTLS LOGINDISABLED XDELTAPUSH XCHATMAIL";
    return "IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+ AUTH=PLAIN XDELTAPUSH XCHATMAIL";
}
