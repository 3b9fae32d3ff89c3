// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "bus/decision.h"

// What needs the flags of a real client (fatal, abortable, retriable) is shown by the system tests:
// an error that is made here has none of them.
static enum bus_decision decision_of(rd_kafka_resp_err_t code)
{
    rd_kafka_error_t *error = rd_kafka_error_new(code, "made for a test");
    enum bus_decision decision = bus_decide(error);
    rd_kafka_error_destroy(error);
    return decision;
}

static void no_error_is_done(void **state)
{
    (void)state;
    assert_int_equal(bus_decide(NULL), BUS_DECISION_DONE);
}

static void every_way_of_being_fenced_is_seen(void **state)
{
    (void)state;
    static const rd_kafka_resp_err_t codes[] = {
        RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        assert_int_equal(decision_of(codes[i]), BUS_DECISION_FENCED);
}

static void what_no_retry_mends_is_fatal(void **state)
{
    (void)state;
    static const rd_kafka_resp_err_t codes[] = {
        RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        assert_int_equal(decision_of(codes[i]), BUS_DECISION_FATAL);
}

static void what_nobody_explains_gets_a_new_client(void **state)
{
    (void)state;
    static const rd_kafka_resp_err_t codes[] = {
        RD_KAFKA_RESP_ERR__STATE, RD_KAFKA_RESP_ERR__CONFLICT, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, RD_KAFKA_RESP_ERR_UNKNOWN};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        assert_int_equal(decision_of(codes[i]), BUS_DECISION_REBUILD);
}

static void a_request_that_may_still_be_under_way_is_of_the_transport(void **state)
{
    (void)state;
    assert_true(bus_is_transport(RD_KAFKA_RESP_ERR__TIMED_OUT));
    assert_true(bus_is_transport(RD_KAFKA_RESP_ERR__TRANSPORT));
    assert_true(bus_is_transport(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT));
    assert_false(bus_is_transport(RD_KAFKA_RESP_ERR_INVALID_TXN_STATE));
    assert_false(bus_is_transport(RD_KAFKA_RESP_ERR_NO_ERROR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_error_is_done),
        cmocka_unit_test(every_way_of_being_fenced_is_seen),
        cmocka_unit_test(what_no_retry_mends_is_fatal),
        cmocka_unit_test(what_nobody_explains_gets_a_new_client),
        cmocka_unit_test(a_request_that_may_still_be_under_way_is_of_the_transport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
