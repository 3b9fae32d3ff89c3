// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "reply.h"
#include "say.h"

// google.rpc.Status as JSON, and OpenAI's error object. Strings on which a client could match are
// those that the services were seen to send.

#define TYPE(name) "{\"@type\":\"type.googleapis.com/google.rpc." name "\","

static const char key_invalid_details[] =
    TYPE("ErrorInfo") "\"reason\":\"API_KEY_INVALID\",\"domain\":\"googleapis.com\",\"metadata\":"
                      "{\"service\":\"generativelanguage.googleapis.com\"}}," TYPE(
                          "LocalizedMessage") "\"locale\":\"en-US\","
                                              "\"message\":\"API key not valid. Please pass a "
                                              "valid API key.\"}";
static const char key_class_details[] =
    TYPE("ErrorInfo") "\"reason\":\"ACCESS_TOKEN_TYPE_UNSUPPORTED\",\"domain\":\"googleapis.com\"}";
static const char unknown_field_details[] =
    TYPE("BadRequest") "\"fieldViolations\":[{\"field\":\"generation_config.response_schema\","
                       "\"description\":\"Invalid JSON payload received. Unknown name "
                       "\\\"$schema\\\" at "
                       "'generation_config.response_schema': Cannot find field.\"}]}";

static const struct row {
    enum fault fault;
    unsigned status;
    const char *name, *message, *details; // %s in a message: the model
} rows[] = {
    {FAULT_key_invalid, 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
     key_invalid_details},
    {FAULT_key_class, 401, "UNAUTHENTICATED",
     "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
     "or other valid authentication credential. See "
     "https://developers.google.com/identity/sign-in/web/devconsole-project.",
     key_class_details},
    {FAULT_forbidden, 403, "PERMISSION_DENIED", "The caller does not have permission", NULL},
    {FAULT_country, 400, "FAILED_PRECONDITION", "User location is not supported for the API use.",
     NULL},
    {FAULT_unknown_field, 400, "INVALID_ARGUMENT",
     "Invalid JSON payload received. Unknown name \"$schema\" at "
     "'generation_config.response_schema': Cannot find field.",
     unknown_field_details},
    {FAULT_thinking_level, 400, "INVALID_ARGUMENT",
     "Thinking level MINIMAL is not supported for this model.", NULL},
    {FAULT_model_turn, 400, "INVALID_ARGUMENT",
     "Requests ending with a model turn are not supported.", NULL},
    {FAULT_model_gone, 404, "NOT_FOUND",
     "models/%s is not found for API version v1beta, or is not supported for generateContent. Call "
     "ListModels to see the list of available models and their supported methods.",
     NULL},
    {FAULT_bare429, 429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).",
     NULL},
    {FAULT_credits, 429, "RESOURCE_EXHAUSTED",
     "Your prepayment credits are depleted. Please go to AI Studio at "
     "https://ai.studio/projects to manage your project and billing.",
     NULL},
    {FAULT_internal, 500, "INTERNAL",
     "An internal error has occurred. Please retry or report in "
     "https://developers.generativeai.google/guide/troubleshooting",
     NULL},
    {FAULT_overloaded, 503, "UNAVAILABLE", "The model is overloaded. Please try again later.",
     NULL},
    {FAULT_deadline, 504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.",
     NULL},
    {FAULT_request_timeout, 408, "DEADLINE_EXCEEDED", "The request took too long to arrive.", NULL},
    {FAULT_cancelled, 499, "CANCELLED", "The operation was cancelled.", NULL},
};

static void write_error(enum dialect dialect, unsigned status, const char *name,
                        const char *message, const char *details, struct reply *reply)
{
    reply->status = status;
    reply->content_type = "application/json; charset=UTF-8";
    if (dialect == DIALECT_OPENAI) {
        say(&reply->body, "{\"error\":{\"message\":");
        say_json(&reply->body, bytes_from_string(message));
        say(&reply->body, ",\"type\":\"%s\",\"code\":%u,\"param\":null}}", name, status);
        return;
    }
    say(&reply->body, "{\"error\":{\"code\":%u,\"message\":", status);
    say_json(&reply->body, bytes_from_string(message));
    say(&reply->body, ",\"status\":\"%s\"", name);
    if (details != NULL)
        say(&reply->body, ",\"details\":%s", details);
    say(&reply->body, "}}");
}

void reply_error(enum dialect dialect, unsigned status, const char *status_name,
                 const char *message, struct reply *reply)
{
    write_error(dialect, status, status_name, message, NULL, reply);
}

// Too many requests or tokens a minute (rpm), or a day (rpd): the delay stands in RetryInfo only,
// and says nothing of the day.
static void write_quota(const struct asked *asked, const struct drawn *drawn, const char *variant,
                        struct reply *reply)
{
    static const char *const delays[][2] = {
        {"millis", "900ms"}, {"zero", "0s"}, {"huge", "9999999s"}, {"junk", "abc"}};
    bool is_day = drawn->fault == FAULT_rpd;
    const char *delay = is_day ? "22s" : "2.837906927s";
    for (size_t i = 0; i < ARRAY_LEN(delays); i++)
        if (strcmp(variant, delays[i][0]) == 0)
            delay = delays[i][1];
    if (drawn->retry_delay[0] != '\0')
        delay = drawn->retry_delay;
    CLEANUP(text_done) struct text message = TEXT_INIT(SAY_MAX), details = TEXT_INIT(SAY_MAX);
    say(&message,
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. "
        "Please retry in %s.",
        delay);
    say(&details,
        "[" TYPE("QuotaFailure") "\"violations\":[{\"quotaMetric\":"
                                 "\"generativelanguage.googleapis.com/%s\",\"quotaId\":\"%s\","
                                 "\"quotaDimensions\":{\"location\":\"global\",\"model\":",
        is_day ? "generate_content_free_tier_requests"
               : "generate_content_paid_tier_input_token_count",
        is_day ? "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
               : "GenerateContentInputTokensPerModelPerMinute-PaidTier1");
    say_json(&details, text_bytes(&asked->model));
    say(&details,
        "},\"quotaValue\":\"%s\"}]}," TYPE("Help") "\"links\":[{\"description\":\"Learn more about "
                                                   "Gemini API quotas\",\"url\":"
                                                   "\"https://ai.google.dev/gemini-api/docs/"
                                                   "rate-limits\"}]}," TYPE(
                                                       "RetryInfo") "\"retryDelay\":",
        is_day ? "250" : "1000");
    say_json(&details, bytes_from_string(delay));
    say(&details, "}]");
    write_error(asked->dialect, 429, "RESOURCE_EXHAUSTED", text_string(&message),
                strcmp(variant, "details_null") == 0 ? "null" : text_string(&details), reply);
    if (strcmp(variant, "disagree_longer") == 0 || asked->dialect == DIALECT_OPENAI)
        IGNORE(snprintf(reply->retry_after, sizeof reply->retry_after, "5")); // fits
    if (strcmp(variant, "disagree_shorter") == 0)
        IGNORE(snprintf(reply->retry_after, sizeof reply->retry_after, "1")); // fits
    if (strcmp(variant, "wrapped") == 0) {
        struct text wrapped = TEXT_INIT(SAY_MAX);
        say(&wrapped, "[%s]", text_string(&reply->body));
        text_done(&reply->body);
        reply->body = wrapped;
    }
}

// What stands in front of the service, not the service itself.
static void write_proxy(const char *variant, struct reply *reply)
{
    bool is_date = strcmp(variant, "date") == 0, is_empty = strcmp(variant, "empty") == 0;
    reply->status = is_date || is_empty ? 503 : 502;
    reply->content_type = "text/html; charset=UTF-8";
    if (is_empty)
        return;
    IGNORE(snprintf(reply->retry_after, sizeof reply->retry_after, "3")); // fits
    if (is_date) {
        time_t then = (time_t)(clock_real_ms() / 1000 + 3);
        struct tm tm;
        gmtime_r(&then, &tm);
        strftime(reply->retry_after, sizeof reply->retry_after, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    say(&reply->body,
        "<html><head><title>%u Server Error</title></head><body><h1>Error: Server Error</h1>"
        "<p>Please try again in 3 seconds.</p></body></html>\n",
        reply->status);
}

void reply_fault_error(const struct asked *asked, const struct drawn *drawn, struct reply *reply)
{
    const char *variant = fault_rows[drawn->fault].variants[drawn->variant];
    if (drawn->fault == FAULT_rpm || drawn->fault == FAULT_rpd) {
        write_quota(asked, drawn, variant, reply);
        return;
    }
    if (drawn->fault == FAULT_proxy_html) {
        write_proxy(variant, reply);
        return;
    }
    size_t i = 0;
    while (rows[i].fault != drawn->fault) // each one has a row: the test asks for all of them
        i++;
    CLEANUP(text_done) struct text message = TEXT_INIT(SAY_MAX), details = TEXT_INIT(SAY_MAX);
    const char *model = strstr(rows[i].message, "%s");
    if (model == NULL)
        say(&message, "%s", rows[i].message);
    else
        say(&message, "%.*s%s%s", (int)(model - rows[i].message), rows[i].message,
            text_string(&asked->model), model + 2);
    if (rows[i].details != NULL)
        say(&details, "[%s]", rows[i].details);
    write_error(asked->dialect, rows[i].status, rows[i].name, text_string(&message),
                rows[i].details == NULL ? NULL : text_string(&details), reply);
}
