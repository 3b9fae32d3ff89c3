// SPDX-License-Identifier: MIT
// Any bytes as the body of an EmployeeChanged record, decoded by the program, to JSON, and by the
// Avro library: what the program accepts both others must read, and the library as the same values.
// What the program refuses is not shown to the library, which loses memory by some of it.
#include <stdint.h>
#include <stdlib.h>

#include "avro/json.h"
#include "avro/program.h"
#include "avro/records.h"
#include "avro/topics.h"
#include "domain/employee.h"
#include "domain/features.h"
#include "support/avro_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct features *features;
static struct avro_program *program;
static struct avro_json *json;
static struct value *values;
static struct avro_field *fields;
static size_t field_count;
static avro_value_t record;

static void prepare(void)
{
    const char *schema = avro_topic_find("employee-changes")->schema;
    if (features_load(SOURCE_DIR "/models/features.json", &features, NULL) != ERR_OK)
        abort();
    avro_schema_t parsed = NULL;
    fields = avro_employee_fields(features, &field_count);
    if (avro_program_compile(bytes_from_string(schema), fields, field_count, &program, NULL) !=
            ERR_OK ||
        avro_json_new(bytes_from_string(schema), &json, NULL) != ERR_OK ||
        avro_schema_from_json_length(schema, strlen(schema), &parsed) != 0 ||
        avro_generic_value_new(avro_generic_class_from_schema(parsed), &record) != 0)
        abort();
    values = calloc(field_count, sizeof *values);
}

static void compare(struct bytes body)
{
    size_t used = 0;
    avro_value_reset(&record);
    if (!avro_oracle_reads(body, &record, &used) || used != body.len)
        abort();
    for (size_t i = 0; i < field_count; i++) {
        avro_value_t field;
        if (values[i].kind == VALUE_MAP)
            continue;
        if (avro_value_get_by_name(&record, fields[i].name, &field, NULL) != 0
                ? values[i].kind != VALUE_NULL
                : !avro_oracle_is_same(&values[i], &field))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (program == NULL)
        prepare();
    struct why why;
    struct employee_change change;
    const struct bytes body = bytes_of(data, size);
    enum err decoded = avro_program_run(program, body, values, &why);
    if (decoded == ERR_OK && avro_employee_from_values(values, &change, &why) == ERR_OK)
        IGNORE(
            employee_check(features, &change, (struct bytes){0}, 0, &why)); // any verdict is right
    if (decoded == ERR_OK)
        compare(body);
    CLEANUP(text_done) struct text line = TEXT_INIT(1 << 20);
    if (avro_json_write(json, body, &line, &why) != ERR_OK && decoded == ERR_OK)
        abort();
    return 0;
}
