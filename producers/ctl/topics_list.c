// SPDX-License-Identifier: MIT
// topics list: the table lib/bus/topics.def for people. It needs a prefix and nothing else.

#include <stdio.h>

#include "bus/topics.h"
#include "command.h"

#define SETTINGS_DEF "topics_list.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl topics list",
    .purpose = "Prints the topics of this version; asks no broker.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

int command_topics_list(int argc, char **argv)
{
    struct settings settings;
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    for (size_t i = 0; i < BUS_TOPIC_COUNT; i++) {
        const struct bus_topic_entry *entry = &bus_topics[i];
        printf("%s%s\n    %s\n", settings.topic_prefix, entry->name, entry->help);
        if (entry->group != NULL)
            printf("    read by the group %s%s\n", settings.topic_prefix, entry->group);
        for (const char *const *setting = entry->settings; *setting != NULL; setting += 2)
            printf("    %s=%s\n", setting[0], setting[1]);
    }
    return command_end(&spec, &settings, ERR_OK, NULL);
}
