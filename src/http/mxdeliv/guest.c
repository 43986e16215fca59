// SPDX-License-Identifier: MIT
// The route among the pages of port 443. By itself, so that the rest does not need the web.
#include "http/mxdeliv/mxdeliv.h"
#include "http/route.h"
#include "http/web/web.h"

void mxdeliv_add_route(struct mxdeliv_server *s, struct web *w) {
    web_add_route(w, &mxdeliv_route, s);
}
