"""Models are fitted to bundled data, searched in parallel, and written.

Root: scikit-learn; has compiled modules, data files.
"""

import io
import warnings

import joblib
import numpy as np
from sklearn import (
    cluster,
    datasets,
    decomposition,
    linear_model,
    model_selection,
    neighbors,
    pipeline,
    preprocessing,
    svm,
)
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - Makes the search available.
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.manifold import TSNE
from sklearn.utils import all_estimators, estimator_html_repr
from threadpoolctl import threadpool_info

for load in (datasets.load_iris, datasets.load_wine, datasets.load_diabetes, datasets.load_breast_cancer):
    found = load()
    print(load.__name__, found.data.shape, found.DESCR.splitlines()[2])
x, y = datasets.load_iris(return_X_y=True)
model = pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVC())
search = model_selection.GridSearchCV(model, {"svc__C": [0.1, 1, 10]}, cv=3, n_jobs=2).fit(x, y)
print(search.best_params_, round(search.best_score_, 3))
forest = RandomForestClassifier(20, random_state=0).fit(x, y)
print(forest.score(x, y), np.round(forest.feature_importances_, 2))
print(
    round(cluster.KMeans(3, n_init=2, random_state=0).fit(x).inertia_, 2),
    decomposition.PCA(2).fit(x).explained_variance_.round(3),
)
print(neighbors.BallTree(x).query(x[:1], k=3)[1], linear_model.Lasso(alpha=0.1).fit(x, y).coef_.round(3))
print(TfidfVectorizer(stop_words="english").fit(["the cat sat", "a dog sat"]).get_feature_names_out())
file = io.BytesIO()
joblib.dump(model.fit(x, y), file, compress=("zlib", 3))
file.seek(0)
print(
    joblib.load(file).predict(x[::50]),
    TSNE(n_iter_without_progress=5, max_iter=250, random_state=0).fit_transform(x[:40]).shape,
)
print(sorted({each["user_api"] for each in threadpool_info()}), "html", len(estimator_html_repr(model)) > 1000)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    print("estimators", len(all_estimators()) > 150)
for name, call in {
    "plot": lambda: model_selection.LearningCurveDisplay.from_estimator(model, x, y),
    "frame": lambda: datasets.load_iris(as_frame=True),
    "polars": lambda: preprocessing.StandardScaler().set_output(transform="polars").fit_transform(x),
    "image": lambda: datasets.load_sample_image("china.jpg").shape,
    "lz4": lambda: joblib.dump(x, io.BytesIO(), compress="lz4"),
}.items():
    try:
        print(name, call())
    except Exception as error:
        print(name, type(error).__name__, str(error).splitlines()[0][:80])
