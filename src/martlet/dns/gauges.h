// SPDX-License-Identifier: MIT
// What the relay's last look at its own DNS has found (martlet/dns/verdict.h), as gauges.
#pragma once

struct config_holder;

struct dns_gauges;
struct dns_gauges *dns_gauges_open(struct config_holder *config);
// NULL is accepted.
void dns_gauges_close(struct dns_gauges *g);
