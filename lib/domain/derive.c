// SPDX-License-Identifier: MIT
// What is derived from the features: the schema of EmployeeChanged and the columns of `employee`.
// The text of the schema is fixed to the last blank, so that the registry sees the same bytes from
// every program and the file in schemas/ can be compared with it.

#include "domain/features.h"

static const char schema_head[] =
    "{\n"
    "  \"type\": \"record\",\n"
    "  \"name\": \"EmployeeChanged\",\n"
    "  \"namespace\": \"ai.retention\",\n"
    "  \"doc\": \"The full state of one employee, said whenever something about it changed.\",\n"
    "  \"fields\": [\n"
    "    {\"name\": \"event_id\", \"type\": \"string\"},\n"
    "    {\"name\": \"employee_id\", \"type\": \"string\"},\n"
    "    {\"name\": \"event_time\", \"type\": {\"type\": \"long\", \"logicalType\": "
    "\"timestamp-millis\"}},\n"
    "    {\"name\": \"change\", \"type\": {\"type\": \"enum\", \"name\": \"Change\", \"symbols\": "
    "[\"created\", \"updated\", \"left\", \"erased\"]}},\n"
    "    {\"name\": \"source\", \"type\": \"string\"},\n"
    "    {\"name\": \"requested_by\", \"type\": [\"null\", \"string\"], \"default\": null}";

static const char *avro_type(enum attribute_type type)
{
    switch (type) {
    case ATTRIBUTE_INTEGER:
        return "int";
    case ATTRIBUTE_REAL:
        return "double";
    case ATTRIBUTE_CATEGORY:
        return "string";
    }
    return "null";
}

static const char *sql_type(enum attribute_type type)
{
    switch (type) {
    case ATTRIBUTE_INTEGER:
        return "integer";
    case ATTRIBUTE_REAL:
        return "double precision";
    case ATTRIBUTE_CATEGORY:
        return "text";
    }
    return "text";
}

enum err features_write_schema(const struct features *features, struct text *out)
{
    enum err err = text_append_string(out, schema_head);
    for (size_t i = 0; err == ERR_OK && i < features->count; i++)
        err = text_printf(
            out, ",\n    {\"name\": \"%s\", \"type\": [\"null\", \"%s\"], \"default\": null}",
            features->attributes[i].name, avro_type(features->attributes[i].type));
    return err == ERR_OK ? text_append_string(out, "\n  ]\n}\n") : err;
}

enum err features_write_columns(const struct features *features, struct text *out)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < features->count; i++)
        err = text_printf(out, "%s %s\n", features->attributes[i].column,
                          sql_type(features->attributes[i].type));
    return err;
}
