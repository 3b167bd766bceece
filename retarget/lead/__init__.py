"""Leads: the way from a robot's standing pose into a motion, and back out of it."""

from __future__ import annotations

from retarget.lead.config import LeadConfig
from retarget.lead.lead import LedMotion, with_leads

__all__ = ["LeadConfig", "LedMotion", "with_leads"]
