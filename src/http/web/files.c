// SPDX-License-Identifier: MIT
// Small files that are written once for each snapshot.
#include "http/web/answer.h"
#include "http/web/endpoints.h"
#include "http/web/site.h"

void web_get_mta_sts(void *site, struct http_exchange *x) {
    const struct site *s = site;
    answer_file(x, s, "text/plain; charset=utf-8", buf_slice(&s->mta_sts));
}

void web_get_qr_png(void *site, struct http_exchange *x) {
    const struct site *s = site;
    answer_file(x, s, "image/png", buf_slice(&s->qr_png));
}

void web_get_qr_svg(void *site, struct http_exchange *x) {
    const struct site *s = site;
    answer_file(x, s, "image/svg+xml", buf_slice(&s->qr_svg));
}

void web_get_autoconfig(void *site, struct http_exchange *x) {
    const struct site *s = site;
    answer_file(x, s, "text/xml; charset=utf-8", buf_slice(&s->autoconfig));
}
