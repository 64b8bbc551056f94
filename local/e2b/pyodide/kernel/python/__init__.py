"""The part of a kernel that runs inside Pyodide.

Imported once, then frozen into the memory snapshot. Nothing here may hold a
JavaScript object before `cell.configure()`: a snapshot cannot contain one.
"""

# The modules that cells import most. Importing them here puts them into the
# snapshot, where they cost nothing; in a cell each costs 5 to 100 ms.
import ast, asyncio, base64, bisect, calendar, collections, contextlib, copy  # noqa: E401
import csv, dataclasses, datetime, decimal, enum, fractions, functools  # noqa: E401
import hashlib, heapq, html, inspect, io, itertools, json, linecache  # noqa: E401
import logging, math, operator, os, pathlib, pprint, random, re, secrets  # noqa: E401
import shutil, statistics, string, struct, subprocess, tempfile  # noqa: E401
import textwrap, time, traceback, types, typing, unicodedata  # noqa: E401
import urllib.parse, uuid, warnings, zipfile, zlib, zoneinfo  # noqa: E401

from . import cell  # noqa: E402,F401
