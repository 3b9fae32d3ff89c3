# SPDX-License-Identifier: MIT
"""The models that are compared. Each is a whole pipeline with a grid of its own: encoding, scaling,
resampling, tuning and calibration are all fitted on the people it is given, nobody else."""

from dataclasses import dataclass, field

from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from .encode import Encoder

SEED = 20240601
# Agrees with the optimum to the last digits; lbfgs stops up to 5e-5 of a probability short of it, and
# liblinear penalises the intercept.
SOLVER = {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 200}
CS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FOREST_GRID = {"model__min_samples_leaf": (1, 3, 6)}
BOOSTING_GRID = {"model__n_estimators": (60, 150), "model__max_depth": (2, 3)}


@dataclass(frozen=True)
class Candidate:
    name: str  # what the report calls it
    kind: str  # logistic, forest, boosting
    audits: bool = False  # the audit attributes are inputs too
    steps: bool = False  # the steps of the features file are columns
    smote: bool = False
    balanced: bool = False
    scoring: str = "neg_brier_score"
    calibration: str = "none"  # sigmoid, isotonic
    grid: dict = field(default_factory=dict)
    inner: int = 5
    trees: int = 100
    depth: int | None = None


# What is shipped: tuned by the Brier score, since its probabilities are to mean what they say.
SHIPPED = Candidate("logistic regression with steps", "logistic", steps=True)
# What the original system did: every attribute, SMOTE, tuned by the area under the curve.
ORIGINAL = Candidate("original recipe: logistic regression, SMOTE", "logistic", audits=True, smote=True,
                     scoring="roc_auc", grid={"model__C": (0.01, 0.1, 1.0, 10.0, 100.0)})

WITH_STEPS = SHIPPED.name
COMPARED = (
    SHIPPED,
    Candidate(f"{WITH_STEPS}, sigmoid", "logistic", steps=True, calibration="sigmoid"),
    Candidate(f"{WITH_STEPS}, isotonic", "logistic", steps=True, calibration="isotonic"),
    Candidate(f"{WITH_STEPS}, SMOTE", "logistic", steps=True, smote=True),
    Candidate(f"{WITH_STEPS}, audit attributes as inputs", "logistic", audits=True, steps=True),
    Candidate("logistic regression without steps", "logistic"),
    ORIGINAL,
    Candidate("original recipe, SMOTE undone by a sigmoid", "logistic", audits=True, smote=True,
              scoring="roc_auc", grid=ORIGINAL.grid, calibration="sigmoid"),
    Candidate("original recipe, without SMOTE", "logistic", audits=True),
    Candidate("original recipe, class weights instead of SMOTE", "logistic", audits=True, balanced=True),
    Candidate("random forest, SMOTE", "forest", audits=True, smote=True, scoring="roc_auc", inner=3),
    Candidate("random forest", "forest", inner=3),
    Candidate("random forest, sigmoid", "forest", inner=3, calibration="sigmoid"),
    Candidate("gradient boosting", "boosting", inner=3),
    Candidate("gradient boosting, sigmoid", "boosting", inner=3, calibration="sigmoid"),
)


def grid_of(candidate):
    usual = {"logistic": {"model__C": CS}, "forest": FOREST_GRID, "boosting": BOOSTING_GRID}
    return candidate.grid or usual[candidate.kind]


def model_of(candidate):
    if candidate.kind == "logistic":
        return LogisticRegression(class_weight="balanced" if candidate.balanced else None, **SOLVER)
    if candidate.kind == "forest":
        return RandomForestClassifier(n_estimators=candidate.trees, max_depth=candidate.depth,
                                      random_state=SEED)
    return GradientBoostingClassifier(learning_rate=0.07, subsample=0.7, max_features=0.3,
                                      n_estimators=candidate.trees, max_depth=candidate.depth or 3,
                                      random_state=SEED)


def pipeline_of(candidate, features):
    used = features.attributes if candidate.audits else features.inputs
    steps = [("encode", Encoder(features.attributes, tuple(a.name for a in used), candidate.steps))]
    if candidate.kind == "logistic" or candidate.smote:
        steps.append(("scale", StandardScaler()))
    if candidate.smote:
        steps.append(("smote", SMOTE(random_state=SEED)))
    return Pipeline([*steps, ("model", model_of(candidate))])


def folds(count):
    return StratifiedKFold(n_splits=count, shuffle=True, random_state=SEED)


@dataclass
class Fitted:
    estimator: object  # with predict_proba
    chosen: dict  # what the grid search chose
    search: object  # the grid search itself

    def probability(self, x):
        return self.estimator.predict_proba(x)[:, 1]


def tune(candidate, features, x, y):
    grid = GridSearchCV(pipeline_of(candidate, features), grid_of(candidate), n_jobs=1,
                        scoring=candidate.scoring, cv=folds(candidate.inner))
    return grid.fit(x, y)


def fit(candidate, features, x, y, tuned=None):
    """Tunes on the given people, fits the best on all of them, and calibrates it by predictions for
    people whom the fit behind each prediction had not seen. `tuned` saves the first of these steps."""
    grid = tuned or tune(candidate, features, x, y)
    chosen = {name.split("__")[1]: value for name, value in grid.best_params_.items()}
    if candidate.calibration == "none":
        return Fitted(grid.best_estimator_, chosen, grid)
    calibrated = CalibratedClassifierCV(grid.best_estimator_, method=candidate.calibration,
                                        ensemble=False, cv=folds(5))
    return Fitted(calibrated.fit(x, y), chosen, grid)
