// SPDX-License-Identifier: MIT
// schemas apply: every topic's schema under its subject. Programs do the same for what they write
// when they start; doing it before means that an incompatible features file is found here.

#include <stdio.h>

#include "avro/topics.h"
#include "base/mem.h"
#include "command.h"
#include "domain/features.h"
#include "registry/registry.h"

enum { SCHEMA_BYTES_MAX = 1 << 20 };

#define SETTINGS_DEF "schemas.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl schemas apply",
    .purpose = "Registers the schema of each topic's values, with compatibility BACKWARD; those of "
               "employees' states are derived from the features file. Can be repeated.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static enum err register_all(struct registry *registry, const struct settings *settings,
                             const char *derived, struct why *why)
{
    const struct avro_topic *topics = NULL;
    size_t count = avro_topics(&topics);
    struct patience patience = patience_of(settings->wait_ms);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        CLEANUP(mem_free_p)
        char *subject = mem_printf("%s%s-value", settings->topic_prefix, topics[i].topic);
        uint32_t id = 0;
        do
            err = registry_register(registry, subject,
                                    topics[i].is_from_features ? derived : topics[i].schema, &id,
                                    why);
        while (err == ERR_RETRY && patience_wait(&patience, why));
        if (err == ERR_OK)
            printf("%s: schema %u\n", subject, id);
    }
    return err;
}

static enum err apply(const struct settings *settings, struct why *why)
{
    const struct registry_options options = REGISTRY_OPTIONS(settings);
    CLEANUP(features_free_p) struct features *features = NULL;
    CLEANUP(registry_close_p) struct registry *registry = NULL;
    CLEANUP(text_done) struct text derived = TEXT_INIT(SCHEMA_BYTES_MAX);
    enum err err = features_load(settings->features, &features, why);
    if (err == ERR_OK && features_write_schema(features, &derived) != ERR_OK)
        err = why_say(why, ERR_FATAL, "the features file makes too large a schema");
    if (err == ERR_OK)
        err = registry_open(&options, &registry, why);
    return err == ERR_OK ? register_all(registry, settings, text_string(&derived), why) : err;
}

int command_schemas_apply(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, apply(&settings, &why), &why);
}
