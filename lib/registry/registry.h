// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// A schema registry with the Confluent API (Confluent, Apicurio under /apis/ccompat/v7, Redpanda,
// Karapace). Schemas never change under their id, so one that was fetched is kept for good: a
// registry that is down later hurts only for ids never seen. Ids that the registry does not know
// are remembered for a while, so that a flood of wrong ids is no flood of requests. One client may
// be shared by any threads.

struct registry_options {
    const char *url;
    const char *user, *password; // NULL or "": none
    const char *token;           // NULL or "": none
    const char *ca_file;         // NULL or "": the system's
    int64_t timeout_ms;          // of one request; 0: 5 s
    int64_t unknown_ms;          // how long an unknown id is remembered; 0: 60 s
    // Told why while a call waits for a registry that is away: after the first failed try, then
    // every 10 seconds or so, on the thread that waits. NULL: nobody listens.
    void (*on_wait)(const struct why *why);
};

// Out of the settings that registry/settings.def adds to a program's, which are borrowed.
#define REGISTRY_OPTIONS(settings)                                                                 \
    ((struct registry_options){.url = (settings)->schema_registry_url,                             \
                               .user = (settings)->schema_registry_user,                           \
                               .password = (settings)->schema_registry_password,                   \
                               .token = (settings)->schema_registry_token,                         \
                               .ca_file = (settings)->schema_registry_ca,                          \
                               .timeout_ms = (settings)->schema_registry_timeout_ms})

// Whether this can be the URL of a registry: http:// or https://, a host, and no user, which would
// be shown in logs. For a start that refuses wrong settings before it does anything. ERR_FATAL: it
// cannot, with what to change.
MUST_CHECK enum err registry_check_url(const char *url, struct why *why);

struct registry;

MUST_CHECK enum err registry_open(const struct registry_options *options, struct registry **ret,
                                  struct why *why);
void registry_close(struct registry *registry);
DEFINE_CLEANUP(struct registry, registry_close)

// Waits until the registry answers. ERR_STOP: the program stops. ERR_FATAL: it answers with
// something that waiting does not mend (not authorised, not a registry).
MUST_CHECK enum err registry_wait(struct registry *registry, struct why *why);

// Registers the schema under the subject with compatibility BACKWARD, or finds it there: its id.
// ERR_RETRY: out of reach. ERR_FATAL: refused (incompatible with what is there), in the registry's
// words.
MUST_CHECK enum err registry_register(struct registry *registry, const char *subject,
                                      const char *schema, uint32_t *ret_id, struct why *why);
// The same, but waits where that one gives ERR_RETRY. ERR_STOP: the program stops.
MUST_CHECK enum err registry_register_wait(struct registry *registry, const char *subject,
                                           const char *schema, uint32_t *ret_id, struct why *why);

// The text of a schema; lives as long as the registry client. ERR_REJECT with code
// "unknown-schema": the registry says that there is none with this id, or it is no Avro. ERR_RETRY:
// out of reach, or an answer that is none of a registry. ERR_STOP: the program stops. ERR_FATAL:
// refused.
MUST_CHECK enum err registry_schema(struct registry *registry, uint32_t id, const char **ret,
                                    struct why *why);
