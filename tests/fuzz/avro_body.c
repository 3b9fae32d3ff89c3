// SPDX-License-Identifier: MIT
// Any bytes as the body of an EmployeeChanged record, decoded by the program and to JSON.
#include <stdint.h>
#include <stdlib.h>

#include "avro/json.h"
#include "avro/program.h"
#include "avro/records.h"
#include "avro/topics.h"
#include "domain/employee.h"
#include "domain/features.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct features *features;
static struct avro_program *program;
static struct avro_json *json;
static struct value *values;

static void prepare(void)
{
    size_t count = 0;
    const char *schema = avro_topic_find("employee-changes")->schema;
    if (features_load(SOURCE_DIR "/models/features.json", &features, NULL) != ERR_OK)
        abort();
    struct avro_field *fields = avro_employee_fields(features, &count);
    if (avro_program_compile(bytes_from_string(schema), fields, count, &program, NULL) != ERR_OK ||
        avro_json_new(bytes_from_string(schema), &json, NULL) != ERR_OK)
        abort();
    free(fields);
    values = calloc(count, sizeof *values);
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
    CLEANUP(text_done) struct text line = TEXT_INIT(1 << 20);
    // What the program accepts, the JSON decoder must understand too.
    if (avro_json_write(json, body, &line, &why) != ERR_OK && decoded == ERR_OK)
        abort();
    return 0;
}
