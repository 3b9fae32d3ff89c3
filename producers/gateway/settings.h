// SPDX-License-Identifier: MIT
#pragma once

#include "base/settings.h"

// The settings of this program: the struct that settings.def makes.
#define SETTING SETTING_MEMBER
struct settings {
#include "settings.def"
};
#undef SETTING
