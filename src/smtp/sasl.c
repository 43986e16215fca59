// SPDX-License-Identifier: MIT
#include "smtp/sasl.h"

bool sasl_plain_parse(struct slice message, struct sasl_plain *ret) {
    struct sasl_plain p;
    struct slice rest;
    if (!slice_cut(message, '\0', &p.authorization, &rest) || !slice_cut(rest, '\0', &p.user, &p.password))
        return false;
    if (p.user.len == 0 || p.password.len == 0 || slice_find(p.password, '\0') < p.password.len)
        return false;
    *ret = p;
    return true;
}
