// SPDX-License-Identifier: MIT
#pragma once

// Three retention actions: what a language model or the rules propose. Plain data that owns its
// text.

enum {
    ACTIONS = 3,
    ACTION_CHARACTERS_MIN = 20,
    ACTION_CHARACTERS_MAX = 300,
    ACTION_BYTES_MAX = 4 * ACTION_CHARACTERS_MAX // UTF-8
};

struct actions {
    char text[ACTIONS][ACTION_BYTES_MAX + 1]; // NUL behind each
};
