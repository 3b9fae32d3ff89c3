// SPDX-License-Identifier: MIT
#include "plan.h"

#include <string.h>

#include "base/compiler.h"

// Topics are found by words of the user's text; where fewer than three are, others fill up. A hash
// of the text says where the search begins, so that prompts differ in their answers.

static const struct topic {
    const char *words[4]; // English, then French
    const char *english, *french;
} topics[] = {
    {{"overtime", "hours", "heures sup", "heures_sup"},
     "Review the overtime of the team with the manager and agree on a lighter schedule.",
     "Revoir les heures supplémentaires avec le responsable et convenir d'un rythme plus léger."},
    {{"travel", "trip", "déplacement", "voyage"},
     "Replace part of the business travel with remote meetings and plan the other trips together.",
     "Remplacer une partie des déplacements par des réunions à distance et planifier les autres."},
    {{"promotion", "career", "carrière", "avancement"},
     "Hold a career talk about the next promotion and write down the skills that it needs.",
     "Mener un entretien de carrière sur la prochaine promotion et noter ce qu'elle demande."},
    {{"training", "education", "formation", "études"},
     "Offer a training budget with protected time so that new skills are used in current projects.",
     "Proposer un budget de formation avec du temps réservé pour appliquer les compétences."},
    {{"environment", "satisfaction", "environnement", "climat"},
     "Ask what would improve the working environment and carry out one of the answers soon.",
     "Demander ce qui améliorerait l'environnement de travail et mettre en œuvre une réponse."},
    {{"compensation", "income", "rémunération", "revenu"},
     "Compare the pay band with the market and prepare an adjustment where it lags behind.",
     "Comparer la rémunération avec le marché et préparer un ajustement là où elle est en retard."},
    {{"involvement", "role", "implication", "fonction"},
     "Entrust a visible project with clear responsibility that matches the strengths of this role.",
     "Confier un projet visible avec une responsabilité claire qui correspond aux forces du "
     "poste."},
    {{"tenure", "years at", "ancienneté", "années"},
     "Arrange a mentor from another team who meets regularly and opens paths in the company.",
     "Organiser un mentorat avec une autre équipe et ouvrir des chemins dans l'entreprise."},
    {{"manager", "supervisor", "responsable", "hiérarch"},
     "Plan regular conversations with the manager that focus on expectations and mutual feedback.",
     "Prévoir des échanges réguliers avec le responsable sur les attentes et les retours."},
    {{"balance", "worklife", "équilibre", "vie privée"},
     "Agree on flexible working times that fit the workload of the team and test them for a while.",
     "Convenir d'horaires souples qui conviennent à la charge de l'équipe et les essayer "
     "ensemble."},
    {{"distance", "commute", "trajet", "domicile"},
     "Offer more days of remote work so that the way to the office costs less time.",
     "Offrir davantage de jours de télétravail afin que le trajet prenne moins de temps."},
    {{"recognition", "stock", "reconnaissance", "actions"},
     "Thank the colleague in front of the team for concrete results and explain why they mattered.",
     "Remercier la personne devant l'équipe pour des résultats concrets et dire leur importance."},
};

// FNV-1a.
static uint64_t hash_of(struct bytes bytes)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ bytes.data[i]) * 0x100000001b3U;
    return hash ^ hash >> 32;
}

static bool is_spoken_of(const struct topic *topic, const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(topic->words); i++)
        if (strcasestr(text, topic->words[i]) != NULL)
            return true;
    return false;
}

void plan_choose(const struct asked *asked, const char *ret[3])
{
    const char *text = text_string(&asked->user);
    size_t first = (size_t)(hash_of(text_bytes(&asked->user)) % ARRAY_LEN(topics)), found = 0;
    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < ARRAY_LEN(topics) && found < 3; i++) {
            const struct topic *topic = &topics[(first + i) % ARRAY_LEN(topics)];
            if (is_spoken_of(topic, text) == (turn == 0))
                ret[found++] = asked->is_french ? topic->french : topic->english;
        }
}
