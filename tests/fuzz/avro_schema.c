// SPDX-License-Identifier: MIT
// Any bytes as a writer's schema: compiled for the fields of a prediction, and run over a few
// bodies.
#include <stdint.h>

#include "avro/program.h"
#include "avro/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t bodies[][8] = {
        {0}, {2, 4, 6, 8, 10, 12, 14, 16}, {1, 3, 0xff, 0xff, 0xff, 0x7f, 0, 2}};
    CLEANUP(avro_program_free_p) struct avro_program *program = NULL;
    struct why why;
    struct value values[AVRO_PREDICTION_FIELDS];
    struct avro_field fields[AVRO_PREDICTION_FIELDS];
    for (size_t i = 0; i < AVRO_PREDICTION_FIELDS; i++) {
        fields[i] = avro_prediction_fields[i];
        fields[i].is_required = false; // most schemas would be refused at once
    }
    if (avro_program_compile(bytes_of(data, size), fields, AVRO_PREDICTION_FIELDS, &program,
                             &why) != ERR_OK)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        IGNORE(avro_program_run(program, bytes_of(bodies[i], sizeof bodies[i]), values,
                                &why)); // any verdict is right
    return 0;
}
