// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"

// How to reach the brokers: shared by consumers, producers, readers and the admin client. Plain
// data, borrowed for the length of the open call.

struct bus_config {
    const char *bootstrap_servers;
    const char *client_id;
    // librdkafka properties to pass through, name and value in turn, NULL behind the last; NULL:
    // none.
    char *const *properties;
    // What librdkafka has to say (syslog levels: 3 error, 4 warning, 6 info); called on its
    // threads. NULL: nobody listens.
    void (*log)(int level, const char *facility, const char *message);
};

// Reads KAFKA_<PROPERTY> from the environment (KAFKA_SASL_USERNAME is sasl.username), without
// KAFKA_BOOTSTRAP_SERVERS, as the list for bus_config.properties; free by bus_properties_free.
// Properties that exactly-once delivery rests on make opening a client fail (ERR_FATAL). Names that
// librdkafka does not know are reported to `log` when a client opens, and left out.
char **bus_properties_from_environment(void);
void bus_properties_free(char **properties);

// Whether a client can be made of this, as far as that is known without asking a broker: for a
// start that refuses wrong settings before it does anything. ERR_FATAL: it cannot, with the
// property's name.
MUST_CHECK enum err bus_config_check(const struct bus_config *config, struct why *why);
