"""A first configuration for a project: what its files say about it, and what minreq adds to them."""

from minreq.init.command import JobChoice, ProjectPlan, plan_project, write_plan

__all__ = ["JobChoice", "ProjectPlan", "plan_project", "write_plan"]
