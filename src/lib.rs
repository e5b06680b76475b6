use pgrx as _;
