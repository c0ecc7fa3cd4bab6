// SPDX-License-Identifier: MIT
//
// What a screen is made of: lines of text, each in one style. Whoever draws decides what a style
// looks like, for terminals differ.

#ifndef APEXCTL_SCREEN_LINE_H
#define APEXCTL_SCREEN_LINE_H

#define SCREEN_LINE_BYTES 512

enum screen_style {
    SCREEN_PLAIN,
    SCREEN_BOLD,
    SCREEN_DIM,
    SCREEN_HEADER,
    SCREEN_SELECTED,
    SCREEN_WARNING,
    SCREEN_STYLE_COUNT
};

struct screen_line {
    enum screen_style style;
    char text[SCREEN_LINE_BYTES]; // no control characters, no wider than the screen
};

#endif
