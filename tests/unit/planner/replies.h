// SPDX-License-Identifier: MIT
#pragma once

// Replies of language models' servers, good ones and every fault that was seen, as gemini.c,
// openai.c and mutations.c read them.

#include "planner/provider.h"

struct reply_case {
    const char *name;
    int64_t status;
    const char *retry_after; // NULL: none
    const char *body;
    enum provider_outcome outcome;
    const char *code;
    int64_t retry_after_ms;
    const char *text; // of an answer; NULL: not looked at
};

// 2026-08-01T12:00:00Z, and the next midnight in Los Angeles (summer time there).
#define RECEIVED_MS INT64_C(1785585600000)
#define MIDNIGHT_MS INT64_C(1785654000000)

#define USE                                                                                        \
    "\"usageMetadata\":{\"promptTokenCount\":512,\"candidatesTokenCount\":96,"                     \
    "\"thoughtsTokenCount\":210,\"totalTokenCount\":818},"
#define TAIL                                                                                       \
    "," USE "\"modelVersion\":\"gemini-3.8-flash\",\"responseId\":\"r\","                          \
    "\"modelStatus\":{\"modelStage\":\"STABLE\"}}"
#define SAID(parts, finish)                                                                        \
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":" parts                           \
    "},\"finishReason\":\"" finish "\",\"index\":0}]" TAIL
#define TEXT(text) SAID("[{\"text\":\"" text "\"}]", "STOP")
#define PLAN       "{\\\"action_1\\\":\\\"a\\\"}"
#define PLAN_READ  "{\"action_1\":\"a\"}"
#define ERROR(code, status, message, more)                                                         \
    "{\"error\":{\"code\":" #code ",\"message\":\"" message "\",\"status\":\"" status "\"" more "}}"
#define TYPE "\"@type\":\"type.googleapis.com/google.rpc."
#define QUOTA(id, value)                                                                           \
    "{" TYPE "QuotaFailure\",\"violations\":[{\"quotaMetric\":\"generativelanguage.googleapis."    \
    "com/generate_content_requests\",\"quotaId\":\"" id                                            \
    "\",\"quotaDimensions\":{\"location\":\"global\",\"model\":\"gemini-3.8-flash\"},"             \
    "\"quotaValue\":\"" value "\"}]}"
#define HELP                                                                                       \
    "{" TYPE "Help\",\"links\":[{\"description\":\"Learn more about Gemini API quotas\","          \
    "\"url\":\"https://ai.google.dev/gemini-api/docs/rate-limits\"}]}"
#define RETRY(delay)  "{" TYPE "RetryInfo\",\"retryDelay\":\"" delay "\"}"
#define EXCEEDED      "You exceeded your current quota, please check your plan and billing details."
#define MINUTE        QUOTA("GenerateContentInputTokensPerModelPerMinute-PaidTier1", "1000")
#define DAY           QUOTA("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "250")
#define RATE(details) ERROR(429, "RESOURCE_EXHAUSTED", EXCEEDED, ",\"details\":[" details "]")
#define RATE_IN(message, details)                                                                  \
    ERROR(429, "RESOURCE_EXHAUSTED", message, ",\"details\":[" details "]")

static const struct reply_case gemini_cases[] = {
    {"key_invalid", 400, NULL,
     ERROR(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
           ",\"details\":[{" TYPE "ErrorInfo\",\"reason\":\"API_KEY_INVALID\",\"domain\":"
           "\"googleapis.com\",\"metadata\":{\"service\":\"generativelanguage.googleapis.com\"}},"
           "{" TYPE "LocalizedMessage\",\"locale\":\"en-US\",\"message\":\"API key not valid.\"}]"),
     PROVIDER_STOP_KEY, "key-refused", 0, NULL},
    {"key_invalid, in other words", 400, NULL,
     ERROR(400, "INVALID_ARGUMENT", "?", ",\"details\":[{\"reason\":\"API_KEY_INVALID\"}]"),
     PROVIDER_STOP_KEY, "key-refused", 0, NULL},
    {"key_invalid, no details", 400, NULL,
     ERROR(400, "INVALID_ARGUMENT", "API key not valid.", ",\"details\":null"), PROVIDER_STOP_KEY,
     "key-refused", 0, NULL},
    {"key expired", 400, NULL,
     ERROR(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", ""),
     PROVIDER_STOP_KEY, "key-refused", 0, NULL},
    {"key_class", 401, NULL,
     ERROR(401, "UNAUTHENTICATED",
           "Request had invalid authentication credentials. Expected OAuth 2 access token",
           ",\"details\":[{" TYPE "ErrorInfo\",\"reason\":\"ACCESS_TOKEN_TYPE_UNSUPPORTED\","
           "\"domain\":\"googleapis.com\"}]"),
     PROVIDER_STOP_KEY, "key-refused", 0, NULL},
    {"forbidden", 403, NULL,
     ERROR(403, "PERMISSION_DENIED", "The caller does not have permission", ""), PROVIDER_STOP_KEY,
     "key-forbidden", 0, NULL},
    {"country", 400, NULL,
     ERROR(400, "FAILED_PRECONDITION", "User location is not supported for the API use.", ""),
     PROVIDER_STOP_CONFIG, "precondition", 0, NULL},
    {"unknown_field", 400, NULL,
     ERROR(400, "INVALID_ARGUMENT",
           "Invalid JSON payload received. Unknown name \\\"$schema\\\" at "
           "'generation_config.response_schema': Cannot find field.",
           ",\"details\":[{" TYPE "BadRequest\",\"fieldViolations\":[{\"field\":"
           "\"generation_config.response_schema\",\"description\":\"Invalid JSON payload\"}]}]"),
     PROVIDER_STOP_CONFIG, "request-refused", 0, NULL},
    {"thinking_level", 400, NULL,
     ERROR(400, "INVALID_ARGUMENT", "Thinking level MINIMAL is not supported for this model.", ""),
     PROVIDER_STOP_CONFIG, "request-refused", 0, NULL},
    {"model_turn", 400, NULL,
     ERROR(400, "INVALID_ARGUMENT", "Requests ending with a model turn are not supported.", ""),
     PROVIDER_STOP_CONFIG, "request-refused", 0, NULL},
    {"400, no JSON", 400, NULL, "Bad Request", PROVIDER_STOP_CONFIG, "request-refused", 0, NULL},
    {"model_gone", 404, NULL,
     ERROR(404, "NOT_FOUND",
           "models/X is not found for API version v1beta, or is not supported for "
           "generateContent. Call ListModels to see the list of available models.",
           ""),
     PROVIDER_STOP_MODEL, "model-gone", 0, NULL},
    {"404 of another server", 404, NULL, "<html>Not Found</html>", PROVIDER_STOP_CONFIG,
     "wrong-address", 0, NULL},
    {"rpm", 429, NULL,
     RATE_IN(EXCEEDED " Please retry in 2.837906927s.", MINUTE "," HELP "," RETRY("2.837906927s")),
     PROVIDER_AGAIN, "rate-limited", 2838, NULL},
    {"rpm in an array", 429, NULL, "[" RATE(MINUTE "," HELP "," RETRY("2.837906927s")) "]",
     PROVIDER_AGAIN, "rate-limited", 2838, NULL},
    {"rpm, the delay in the message only", 429, NULL,
     RATE_IN(EXCEEDED "\\nPlease retry in 2.837906927s.", MINUTE), PROVIDER_AGAIN, "rate-limited",
     2838, NULL},
    {"rpm, milliseconds in the message", 429, NULL,
     RATE_IN(EXCEEDED " Please retry in 417.5ms.", ""), PROVIDER_AGAIN, "rate-limited", 418, NULL},
    {"rpm without a delay", 429, NULL, RATE(MINUTE), PROVIDER_AGAIN, "rate-limited", 60000, NULL},
    {"rpm, 900ms", 429, NULL, RATE(RETRY("900ms")), PROVIDER_AGAIN, "rate-limited", 900, NULL},
    {"rpm, 0s", 429, NULL, RATE(RETRY("0s")), PROVIDER_AGAIN, "rate-limited", 0, NULL},
    {"rpm, abc", 429, NULL, RATE(RETRY("abc")), PROVIDER_AGAIN, "rate-limited", 0, NULL},
    {"rpm, negative", 429, NULL, RATE(RETRY("-5s")), PROVIDER_AGAIN, "rate-limited", 0, NULL},
    {"rpm, 300s is still waited for", 429, NULL, RATE(RETRY("300s")), PROVIDER_AGAIN,
     "rate-limited", 300000, NULL},
    {"rpm, 300.001s is not", 429, NULL, RATE(RETRY("300.001s")), PROVIDER_STOP_DAILY, "long-delay",
     0, NULL},
    {"rpm, 9999999s", 429, NULL, RATE(MINUTE "," RETRY("9999999s")), PROVIDER_STOP_DAILY,
     "long-delay", 0, NULL},
    {"rpm, a number without end", 429, NULL, RATE(RETRY("99999999999999999999999999999999999999s")),
     PROVIDER_STOP_DAILY, "long-delay", 0, NULL},
    {"rpm, the header is longer", 429, "7", RATE(RETRY("2.8s")), PROVIDER_AGAIN, "rate-limited",
     7000, NULL},
    {"rpm, the header is shorter", 429, "1", RATE(RETRY("2.8s")), PROVIDER_AGAIN, "rate-limited",
     2800, NULL},
    {"rpm, a header of hours", 429, "7200", RATE(RETRY("2.8s")), PROVIDER_STOP_DAILY, "long-delay",
     0, NULL},
    {"rpm, details null", 429, NULL,
     ERROR(429, "RESOURCE_EXHAUSTED", EXCEEDED, ",\"details\":null"), PROVIDER_AGAIN,
     "rate-limited", 0, NULL},
    {"rpm, details of other kinds", 429, NULL,
     ERROR(429, "RESOURCE_EXHAUSTED", EXCEEDED,
           ",\"details\":[null,3,\"x\",[],{\"retryDelay\":7},{\"violations\":{}},"
           "{\"violations\":[null,{\"quotaId\":5}]}]"),
     PROVIDER_AGAIN, "rate-limited", 0, NULL},
    {"rpd", 429, NULL, RATE(DAY "," HELP "," RETRY("22s")), PROVIDER_STOP_DAILY, "daily-quota", 0,
     NULL},
    {"rpd beside rpm", 429, "3", RATE(MINUTE "," DAY "," RETRY("22s")), PROVIDER_STOP_DAILY,
     "daily-quota", 0, NULL},
    {"rpd in an array", 429, NULL, "[" RATE(DAY "," RETRY("22s")) "]", PROVIDER_STOP_DAILY,
     "daily-quota", 0, NULL},
    {"rpd, said in the message only", 429, NULL,
     RATE_IN("Quota exceeded for quota metric 'Requests' and limit 'Requests per day'", ""),
     PROVIDER_STOP_DAILY, "daily-quota", 0, NULL},
    {"bare429", 429, NULL,
     ERROR(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", ""),
     PROVIDER_AGAIN, "rate-limited", 0, NULL},
    {"429, no body", 429, NULL, "", PROVIDER_AGAIN, "rate-limited", 0, NULL},
    {"credits", 429, NULL,
     ERROR(429, "RESOURCE_EXHAUSTED",
           "Your prepayment credits are depleted. Please go to AI Studio at "
           "https://ai.studio/projects to manage your project and billing.",
           ""),
     PROVIDER_STOP_CREDITS, "no-credits", 0, NULL},
    {"no quota at all", 429, NULL,
     RATE_IN(EXCEEDED "\\n* Quota exceeded for metric: requests, limit: 0, model: m\\nPlease "
                      "retry in 22s.",
             DAY "," RETRY("22s")),
     PROVIDER_STOP_CREDITS, "no-quota", 0, NULL},
    {"no quota at all, in the details", 429, NULL,
     RATE(QUOTA("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "0") "," RETRY("22s")),
     PROVIDER_STOP_CREDITS, "no-quota", 0, NULL},
    {"a small quota is one", 429, NULL, RATE_IN("limit: 0.5, limit: 05, limit: 01", RETRY("2s")),
     PROVIDER_AGAIN, "rate-limited", 2000, NULL},
    {"internal", 500, NULL,
     ERROR(500, "INTERNAL", "An internal error has occurred. Please retry", ""), PROVIDER_AGAIN,
     "server-error", 0, NULL},
    {"overloaded", 503, NULL,
     ERROR(503, "UNAVAILABLE", "The model is overloaded. Please try again later.", ""),
     PROVIDER_AGAIN, "overloaded", 0, NULL},
    {"deadline", 504, NULL,
     ERROR(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.", ""),
     PROVIDER_AGAIN, "server-timeout", 0, NULL},
    {"proxy_html, seconds", 502, "3", "<html><head><title>502 Server Error</title></head></html>",
     PROVIDER_AGAIN, "server-error", 3000, NULL},
    {"proxy_html, a date", 503, "Sat, 01 Aug 2026 12:00:04 GMT",
     "<html><head><title>503 Server Error</title></head></html>", PROVIDER_AGAIN, "overloaded",
     4000, NULL},
    {"proxy_html, a date of tomorrow", 503, "Sun, 02 Aug 2026 12:00:00 GMT", "<html></html>",
     PROVIDER_STOP_DAILY, "long-delay", 0, NULL},
    {"408", 408, NULL, "", PROVIDER_AGAIN, "server-timeout", 0, NULL},
    {"499", 499, NULL, ERROR(499, "CANCELLED", "The operation was cancelled.", ""), PROVIDER_AGAIN,
     "server-timeout", 0, NULL},
    {"302", 302, NULL, "", PROVIDER_STOP_CONFIG, "redirect", 0, NULL},
    {"413", 413, NULL, "<html></html>", PROVIDER_STOP_CONFIG, "request-refused", 0, NULL},
    {"204", 204, NULL, "", PROVIDER_AGAIN, "not-an-answer", 0, NULL},
    {"no status", 0, NULL, "", PROVIDER_AGAIN, "not-an-answer", 0, NULL},
    {"blocked", 200, NULL,
     "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},\"usageMetadata\":{"
     "\"promptTokenCount\":512,\"totalTokenCount\":512},\"modelVersion\":\"gemini-3.8-flash\"}",
     PROVIDER_NEXT, "blocked", 0, NULL},
    {"finish SAFETY", 200, NULL, "{\"candidates\":[{\"finishReason\":\"SAFETY\",\"index\":0}]" TAIL,
     PROVIDER_NEXT, "blocked", 0, NULL},
    {"finish SAFETY with text", 200, NULL, SAID("[{\"text\":\"" PLAN "\"}]", "SAFETY"),
     PROVIDER_NEXT, "blocked", 0, NULL},
    {"finish BLOCKLIST", 200, NULL, SAID("[]", "BLOCKLIST"), PROVIDER_NEXT, "blocked", 0, NULL},
    {"finish PROHIBITED_CONTENT", 200, NULL, SAID("[]", "PROHIBITED_CONTENT"), PROVIDER_NEXT,
     "blocked", 0, NULL},
    {"finish SPII", 200, NULL, "{\"candidates\":[{\"finishReason\":\"SPII\",\"index\":0}]" TAIL,
     PROVIDER_NEXT, "blocked", 0, NULL},
    {"finish RECITATION", 200, NULL,
     "{\"candidates\":[{\"finishReason\":\"RECITATION\",\"index\":0}]" TAIL, PROVIDER_REGENERATE,
     "bad-finish", 0, NULL},
    {"finish OTHER", 200, NULL, "{\"candidates\":[{\"finishReason\":\"OTHER\",\"index\":0}]" TAIL,
     PROVIDER_REGENERATE, "bad-finish", 0, NULL},
    {"finish SOMETHING_NEW", 200, NULL, SAID("[{\"text\":\"" PLAN "\"}]", "SOMETHING_NEW"),
     PROVIDER_REGENERATE, "bad-finish", 0, NULL},
    {"finish LANGUAGE", 200, NULL, SAID("[]", "LANGUAGE"), PROVIDER_REGENERATE, "bad-finish", 0,
     NULL},
    {"thought_ate", 200, NULL,
     "{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\",\"index\":"
     "0}],\"usageMetadata\":{\"promptTokenCount\":512,\"thoughtsTokenCount\":2044}}",
     PROVIDER_REGENERATE, "thought-ate-tokens", 0, NULL},
    {"truncated", 200, NULL,
     SAID("[{\"text\":\"{\\\"action_1\\\":\\\"Meet weekly with with with\"}]", "MAX_TOKENS"),
     PROVIDER_REGENERATE, "max-tokens", 0, NULL},
    {"no_parts", 200, NULL,
     "{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":\"STOP\"}]}",
     PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"no_parts, []", 200, NULL, SAID("[]", "STOP"), PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"no_parts, empty text", 200, NULL, TEXT(""), PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"no_parts, blank text", 200, NULL, TEXT(" \\n"), PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"no_parts, null text", 200, NULL, SAID("[{\"text\":null},null,4]", "STOP"),
     PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"no candidates", 200, NULL, "{\"candidates\":[]}", PROVIDER_REGENERATE, "empty-answer", 0,
     NULL},
    {"no candidate", 200, NULL, "{\"candidates\":[null]}", PROVIDER_REGENERATE, "empty-answer", 0,
     NULL},
    {"nothing", 200, NULL, "{}", PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"an empty array", 200, NULL, "[]", PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"a string", 200, NULL, "\"x\"", PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"good", 200, NULL, TEXT(PLAN), PROVIDER_ANSWER, "answered", 0, PLAN_READ},
    {"good, no finish reason", 200, NULL,
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"" PLAN "\"}]}}]}", PROVIDER_ANSWER,
     "answered", 0, PLAN_READ},
    {"good, finish in lower case", 200, NULL, SAID("[{\"text\":\"" PLAN "\"}]", "stop"),
     PROVIDER_ANSWER, "answered", 0, PLAN_READ},
    {"good, block reason unspecified", 200, NULL,
     "{\"promptFeedback\":{\"blockReason\":\"BLOCKED_REASON_UNSPECIFIED\"},\"candidates\":[{"
     "\"content\":{\"parts\":[{\"text\":\"" PLAN "\"}]},\"finishReason\":\"STOP\"}]}",
     PROVIDER_ANSWER, "answered", 0, PLAN_READ},
    {"bad_plan is the checker's: duplicate keys inside the text", 200, NULL,
     TEXT("{\\\"action_1\\\":1,\\\"action_1\\\":2}"), PROVIDER_ANSWER, "answered", 0,
     "{\"action_1\":1,\"action_1\":2}"},
    {"bad_plan: duplicate keys around it", 200, NULL, "{\"candidates\":[],\"candidates\":[]}",
     PROVIDER_REGENERATE, "broken-answer", 0, NULL},
    {"dressed, a fence is the checker's", 200, NULL, TEXT("```json\\n" PLAN "\\n```"),
     PROVIDER_ANSWER, "answered", 0, "```json\n" PLAN_READ "\n```"},
    {"dressed, a thought first", 200, NULL,
     SAID("[{\"thought\":true,\"text\":\"Let me think\"},{\"thought\":false,\"text\":\"" PLAN
          "\",\"thoughtSignature\":\"c2ln\"}]",
          "STOP"),
     PROVIDER_ANSWER, "answered", 0, PLAN_READ},
    {"dressed, only a thought", 200, NULL,
     SAID("[{\"thought\":true,\"text\":\"Let me think\"}]", "STOP"), PROVIDER_REGENERATE,
     "empty-answer", 0, NULL},
    {"dressed, three parts", 200, NULL,
     SAID("[{\"text\":\"{\\\"a\\\":\\\"caf\\\\u0\"},{\"text\":\"0e\"},{\"text\":\"9\\\"}\"}]",
          "STOP"),
     PROVIDER_ANSWER, "answered", 0, "{\"a\":\"caf\\u00e9\"}"},
    {"dressed, an escape of the envelope", 200, NULL, TEXT("caf\\u00e9"), PROVIDER_ANSWER,
     "answered", 0, "caf\xc3\xa9"},
    {"dressed, a byte order mark and line ends around", 200, NULL,
     "\xef\xbb\xbf\n" TEXT("\xef\xbb\xbf\\n" PLAN " \\n") "\n", PROVIDER_ANSWER, "answered", 0,
     "\xef\xbb\xbf\n" PLAN_READ " \n"},
    {"dressed, a surrogate pair", 200, NULL, TEXT("\\ud83d\\ude00"), PROVIDER_ANSWER, "answered", 0,
     "\xf0\x9f\x98\x80"},
    {"dressed, a pair cut between parts", 200, NULL,
     SAID("[{\"text\":\"a\\uD83D\"},{\"text\":\"\\uDE00z\"}]", "STOP"), PROVIDER_ANSWER, "answered",
     0, "a\xf0\x9f\x98\x80z"},
    {"dressed, pairs cut and whole", 200, NULL,
     SAID("[{\"text\":\"\\ud83d\\ude00\\ud83d\"},{\"text\":\"\\ude01\"}]", "STOP"), PROVIDER_ANSWER,
     "answered", 0, "\xf0\x9f\x98\x80\xf0\x9f\x98\x81"},
    {"dressed, a pair cut between parts beside an escaped backslash", 200, NULL,
     SAID("[{\"text\":\"\\\\ud83d \\ud83d\"},{\"text\":\"\\ude00\"}]", "STOP"), PROVIDER_ANSWER,
     "answered", 0, "\\ud83d \xf0\x9f\x98\x80"},
    {"dressed, a lone high surrogate", 200, NULL, TEXT("a\\ud83d b"), PROVIDER_REGENERATE,
     "broken-answer", 0, NULL},
    {"dressed, a lone low surrogate", 200, NULL, TEXT("\\ude00"), PROVIDER_REGENERATE,
     "broken-answer", 0, NULL},
    {"dressed, halves the wrong way round", 200, NULL, TEXT("\\ude00\\ud83d"), PROVIDER_REGENERATE,
     "broken-answer", 0, NULL},
    {"dressed, an escaped backslash before u", 200, NULL, TEXT("\\\\ud83d"), PROVIDER_ANSWER,
     "answered", 0, "\\ud83d"},
    {"dressed, a control character", 200, NULL, TEXT("a\\u0001b"), PROVIDER_REGENERATE,
     "broken-answer", 0, NULL},
    {"dressed, a NUL", 200, NULL, TEXT("a\\u0000b"), PROVIDER_REGENERATE, "broken-answer", 0, NULL},
    {"dressed, a byte that is no UTF-8", 200, NULL, TEXT("caf\xe9"), PROVIDER_REGENERATE,
     "broken-answer", 0, NULL},
    {"wire: cut in the middle", 200, NULL, "{\"candidates\":[{\"content\":{\"par",
     PROVIDER_REGENERATE, "broken-answer", 0, NULL},
    {"wire: empty", 200, NULL, "", PROVIDER_REGENERATE, "broken-answer", 0, NULL},
    {"wire: gzip", 200, NULL, "\x1f\x8b\x08", PROVIDER_REGENERATE, "broken-answer", 0, NULL},
    {"an error with status 200", 200, NULL, RATE(DAY), PROVIDER_STOP_DAILY, "daily-quota", 0, NULL},
    {"an error with status 200 and no code", 200, NULL, "{\"error\":{\"message\":\"x\"}}",
     PROVIDER_AGAIN, "server-error", 0, NULL},
};

#define CHAT(content, finish)                                                                      \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"m/x:y\",\"choices\":[{\"index\":0,"  \
    "\"message\":{\"role\":\"assistant\",\"content\":" content "},\"finish_reason\":" finish       \
    "}],\"usage\":{\"prompt_tokens\":400,\"completion_tokens\":300,"                               \
    "\"completion_tokens_details\":{\"reasoning_tokens\":120}}}"

static const struct reply_case openai_cases[] = {
    {"good", 200, NULL, CHAT("\"" PLAN "\"", "\"stop\""), PROVIDER_ANSWER, "answered", 0,
     PLAN_READ},
    {"upper case", 200, NULL, CHAT("\"" PLAN "\"", "\"STOP\""), PROVIDER_ANSWER, "answered", 0,
     PLAN_READ},
    {"no finish reason", 200, NULL, CHAT("\"" PLAN "\"", "null"), PROVIDER_ANSWER, "answered", 0,
     PLAN_READ},
    {"content in parts", 200, NULL,
     CHAT("[{\"type\":\"text\",\"text\":\"{\\\"action_1\\\":\"},{\"type\":\"text\",\"text\":"
          "\"\\\"a\\\"}\"},{\"type\":\"image\"}]",
          "\"stop\""),
     PROVIDER_ANSWER, "answered", 0, PLAN_READ},
    {"reasoning beside it", 200, NULL,
     "{\"choices\":[{\"message\":{\"reasoning_content\":\"hm\",\"refusal\":null,\"content\":\"" PLAN
     "\"},\"finish_reason\":\"stop\"}],\"error\":null}",
     PROVIDER_ANSWER, "answered", 0, PLAN_READ},
    {"only reasoning", 200, NULL,
     "{\"choices\":[{\"message\":{\"reasoning_content\":\"hm\",\"content\":null},"
     "\"finish_reason\":\"stop\"}]}",
     PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"refusal", 200, NULL,
     "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"I cannot\"},"
     "\"finish_reason\":\"stop\"}]}",
     PROVIDER_NEXT, "blocked", 0, NULL},
    {"length", 200, NULL, CHAT("\"{\"", "\"length\""), PROVIDER_REGENERATE, "max-tokens", 0, NULL},
    {"length, all of it reasoning", 200, NULL, CHAT("null", "\"length\""), PROVIDER_REGENERATE,
     "thought-ate-tokens", 0, NULL},
    {"MAX_TOKENS", 200, NULL, CHAT("\"{\"", "\"MAX_TOKENS\""), PROVIDER_REGENERATE, "max-tokens", 0,
     NULL},
    {"content_filter", 200, NULL, CHAT("\"\"", "\"content_filter\""), PROVIDER_NEXT, "blocked", 0,
     NULL},
    {"tool_calls", 200, NULL, CHAT("null", "\"tool_calls\""), PROVIDER_REGENERATE, "bad-finish", 0,
     NULL},
    {"no choices", 200, NULL, "{\"choices\":[]}", PROVIDER_REGENERATE, "empty-answer", 0, NULL},
    {"an error with status 200", 200, NULL, "{\"error\":{\"code\":503,\"message\":\"busy\"}}",
     PROVIDER_AGAIN, "overloaded", 0, NULL},
    {"key", 401, NULL,
     "{\"error\":{\"code\":401,\"message\":\"Invalid API Key\",\"type\":\"authentication_error\"}}",
     PROVIDER_STOP_KEY, "key-refused", 0, NULL},
    {"forbidden", 403, NULL, "{\"error\":\"no\"}", PROVIDER_STOP_KEY, "key-forbidden", 0, NULL},
    {"credits", 402, NULL,
     "{\"error\":\"You have exceeded your monthly included credits for Inference Providers.\"}",
     PROVIDER_STOP_CREDITS, "no-credits", 0, NULL},
    {"insufficient_quota", 429, "2",
     "{\"error\":{\"message\":\"You exceeded your current "
     "quota\",\"code\":\"insufficient_quota\"}}",
     PROVIDER_STOP_CREDITS, "no-credits", 0, NULL},
    {"model, vLLM", 404, NULL,
     "{\"object\":\"error\",\"message\":\"The model `x` does not exist.\",\"code\":404}",
     PROVIDER_STOP_MODEL, "model-gone", 0, NULL},
    {"model, Ollama", 404, NULL,
     "{\"error\":{\"message\":\"model \\\"x\\\" not found, try pulling it first\"}}",
     PROVIDER_STOP_MODEL, "model-gone", 0, NULL},
    {"model, Hugging Face", 400, NULL,
     "{\"error\":{\"message\":\"The requested model 'X' is not supported by any provider you have "
     "enabled.\"}}",
     PROVIDER_STOP_MODEL, "model-gone", 0, NULL},
    {"model_not_found", 400, NULL, "{\"error\":{\"message\":\"?\",\"code\":\"model_not_found\"}}",
     PROVIDER_STOP_MODEL, "model-gone", 0, NULL},
    {"wrong path", 404, NULL,
     "{\"error\":{\"code\":404,\"message\":\"File Not Found\",\"type\":\"not_found_error\"}}",
     PROVIDER_STOP_CONFIG, "wrong-address", 0, NULL},
    {"400", 400, NULL,
     "{\"error\":{\"message\":\"This model's maximum context length is 2048 tokens\"}}",
     PROVIDER_STOP_CONFIG, "request-refused", 0, NULL},
    {"400, a filter", 400, NULL,
     "{\"error\":{\"message\":\"filtered\",\"code\":\"content_filter\"}}", PROVIDER_NEXT, "blocked",
     0, NULL},
    {"429", 429, "4", "{\"error\":{\"message\":\"slow down\"}}", PROVIDER_AGAIN, "rate-limited",
     4000, NULL},
    {"429, half an hour", 429, "1800", "{\"error\":{\"message\":\"tokens per day\"}}",
     PROVIDER_STOP_DAILY, "long-delay", 0, NULL},
    {"408", 408, NULL, "", PROVIDER_AGAIN, "server-timeout", 0, NULL},
    {"409", 409, NULL, "", PROVIDER_AGAIN, "server-error", 0, NULL},
    {"loading", 503, NULL,
     "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}",
     PROVIDER_AGAIN, "overloaded", 0, NULL},
    {"500", 500, NULL, "oops", PROVIDER_AGAIN, "server-error", 0, NULL},
    {"redirect", 308, NULL, "", PROVIDER_STOP_CONFIG, "redirect", 0, NULL},
};
