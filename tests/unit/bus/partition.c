// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "bus/partition.h"

// The expected hashes are those of the unit tests of Apache Kafka's Utils.murmur2.
static void keys_hash_as_in_the_java_client(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t hash;
    } known[] = {{"21", -973932308},
                 {"foobar", -790332482},
                 {"a-little-bit-long-string", -985981536},
                 {"a-little-bit-longer-string", -1486304829},
                 {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                 {"abc", 479470107}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        for (int32_t count = 1; count < 100; count++)
            assert_int_equal(bus_partition(bytes_from_string(known[i].key), count),
                             (int32_t)(((uint32_t)known[i].hash & 0x7fffffffU) % (uint32_t)count));
}

static void any_bytes_go_where_librdkafka_sends_them(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        uint8_t key[40];
        size_t len = (size_t)i % sizeof key;
        for (size_t j = 0; j < len; j++)
            key[j] = (uint8_t)((seed = seed * 1664525U + 1013904223U) >> 24);
        // The topic is not looked at by this partitioner.
        int32_t expected = rd_kafka_msg_partitioner_murmur2(NULL, key, len, 8, NULL, NULL);
        assert_int_equal(bus_partition(bytes_of(key, len), 8), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_hash_as_in_the_java_client),
        cmocka_unit_test(any_bytes_go_where_librdkafka_sends_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
