// SPDX-License-Identifier: MIT
// Who answers what on port 443. The argument is the struct site, which the caller holds during the call.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

struct http_exchange;
struct site;

void web_run_new(void *site, struct http_exchange *x); // GET and POST /new
void web_get_autoconfig(void *site, struct http_exchange *x);
void web_get_mta_sts(void *site, struct http_exchange *x);
void web_get_qr_png(void *site, struct http_exchange *x);
void web_get_qr_svg(void *site, struct http_exchange *x);
void web_get_robots(void *site, struct http_exchange *x);
void web_get_favicon(void *site, struct http_exchange *x);
void web_get_204(void *unused, struct http_exchange *x); // port 80, too
// Whatever else there may be: a page, a file, or the page that says that there is none.
void web_get_page(void *site, struct http_exchange *x);

// The home page with an invitation that is this visitor's own. False when he is to get the ordinary one: nothing was
// answered.
MUST_USE bool web_get_own_home(struct site *s, struct http_exchange *x);
