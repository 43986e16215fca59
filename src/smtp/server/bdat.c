// SPDX-License-Identifier: MIT
// BDAT (RFC 3030): the message in counted chunks. Its octets always follow the command, so a refused chunk is read and
// dropped before the answer. Line ends are held to the same rule as in DATA: every message can be sent on by DATA
// later.
#include "config/config.h"
#include "intake/intake.h"
#include "smtp/parser.h"
#include "smtp/server/session.h"

// Whether a CR or LF stands alone; `*previous` is the octet before, 0 at the start of the message.
static bool has_bare_line_end(char *previous, struct slice octets) {
    bool bare = false;
    for (size_t i = 0; i < octets.len; i++) {
        bare |= (octets.ptr[i] == '\n') != (*previous == '\r');
        *previous = octets.ptr[i];
    }
    return bare;
}

// A last line without its end gets one (RFC 5321 4.1.1.4 asks the first server for it).
static void end_message(struct smtp_session *s) {
    if (s->chunk_previous == '\r')
        intake_txn_mark_bad_data(s->txn);
    else if (s->chunk_previous != '\n' && s->message_octets > 0)
        smtp_transaction_write(s, SLICE("\r\n"));
    smtp_transaction_finish(s);
}

static void end_chunk(struct smtp_session *s) {
    if (s->chunk_refusal != NULL) {
        smtp_session_expect_command(s);
        smtp_session_refuse(s, s->chunk_refusal);
    } else if (s->chunk_is_last) {
        end_message(s);
    } else {
        smtp_session_reply(s, "250 2.0.0 %llu octets received", (unsigned long long)s->chunk_size);
        smtp_session_expect_command(s);
    }
}

static size_t take_chunk(struct smtp_session *s, struct slice octets) {
    struct slice piece = octets.len < s->chunk_left ? octets : slice_sub(octets, 0, (size_t)s->chunk_left);
    s->chunk_left -= piece.len;
    if (s->chunk_refusal == NULL) {
        if (has_bare_line_end(&s->chunk_previous, piece))
            intake_txn_mark_bad_data(s->txn);
        smtp_transaction_write(s, piece);
    }
    if (s->chunk_left == 0)
        end_chunk(s);
    return piece.len;
}

static const char *refusal_of_chunk(const struct smtp_session *s) {
    if (!conn_is_tls(s->conn))
        return "530 5.7.0 Must issue a STARTTLS command first";
    if (s->state == SMTP_STATE_CHUNKS)
        return NULL;
    if (s->state != SMTP_STATE_ENVELOPE)
        return "503 5.5.1 Error: need RCPT command";
    return smtp_transaction_refusal(s);
}

// Far over the limit it is not worth reading all of it to stay in step.
static bool is_absurd(const struct smtp_session *s, uint64_t size) {
    const struct config *config = config_acquire(s->server->config);
    bool absurd = size / 4 > config->max_message_size;
    config_release(s->server->config, config);
    return absurd;
}

void smtp_cmd_bdat(struct smtp_session *s, struct slice argument) {
    uint64_t size;
    bool is_last;
    if (!smtp_chunk_parse(argument, &size, &is_last)) {
        smtp_session_close(s, "501 5.5.4 Syntax: BDAT count [LAST]"); // nobody knows now where the next command begins
        return;
    }
    if (is_absurd(s, size)) {
        smtp_session_close(s, "552 5.3.4 Message exceeds maximum size");
        return;
    }
    s->chunk_size = s->chunk_left = size;
    s->chunk_is_last = is_last;
    s->chunk_refusal = refusal_of_chunk(s);
    if (s->chunk_refusal == NULL && s->state == SMTP_STATE_ENVELOPE) {
        s->state = SMTP_STATE_CHUNKS;
        s->chunk_previous = '\0';
        smtp_transaction_start_message(s);
    }
    smtp_session_expect(s, take_chunk, SMTP_TIMEOUT_MESSAGE_MS);
    if (size == 0)
        end_chunk(s);
}
