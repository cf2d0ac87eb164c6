"""Labelled arrays are selected, resampled, joined; engines for files are found by entry points.

Root: xarray; has entry points, plug-ins, compiled modules, data files.
"""

import warnings
from importlib.metadata import entry_points

import numpy as np
import pandas as pd
import xarray as xr
from xarray.core import options
from xarray.namedarray import pycompat

warnings.simplefilter("ignore")
times = pd.date_range("2024-01-30", periods=4, freq="D")
data = xr.Dataset(
    {"t": (("time", "x"), np.arange(8.0).reshape(4, 2)), "name": ("x", ["a", "b"])},
    {
        "time": times,
        "x": [10, 20],
        "zone": ("time", times.tz_localize("Europe/Berlin").tz_convert("UTC").tz_localize(None)),
    },
    {"title": "T"},
)
print(data)
print(data.t.sel(time="2024-01-31", x=20).item(), data.t.resample(time="MS").mean().values.tolist())
print(data.groupby("name").sum().t.values.tolist(), data.t.rolling(time=2).max().values[-1])
print(xr.concat([data, data.assign_coords(x=[30, 40])], "x").sizes, xr.where(data.t > 3, 1, 0).sum().item())
print(data.to_dataframe().shape, data.t.to_series().index.names)
print(len(data._repr_html_()) > 1000, "svg" in data._repr_html_(), options.OPTIONS["display_style"])
print("engines", sorted(xr.backends.list_engines()))
print("entry points", sorted(each.name for each in entry_points(group="xarray.backends")))
for name, call in {
    "write": lambda: data.to_netcdf("a.nc"),
    "read": lambda: xr.open_dataset("none.nc"),
    "zarr": lambda: data.to_zarr("a.zarr"),
    "chunk": lambda: data.chunk({"x": 1}),
    "interpolate": lambda: data.t.interp(x=15).values.tolist(),
    "fill": lambda: data.t.bfill("time").shape,
    "rank": lambda: data.t.rank("x").shape,
    "plot": lambda: data.t.plot(),
    "tutorial": lambda: xr.tutorial.open_dataset("air_temperature"),
    "calendar": lambda: xr.date_range("2000", periods=2, calendar="noleap"),
    "iris": lambda: data.t.to_iris(),
    "fft": lambda: xr.apply_ufunc(np.fft.fft, data.t, input_core_dims=[["x"]], output_core_dims=[["x"]]).shape,
    "polyfit": lambda: data.t.polyfit("x", 1).polyfit_coefficients.values[0].round(6).tolist(),
}.items():
    try:
        print(name, call())
    except Exception as error:
        print(name, type(error).__name__, str(error).splitlines()[0][:90])
for name in ("dask", "pint", "cupy", "sparse"):
    print(name, pycompat.mod_version(name), bool(pycompat.array_type(name)))
