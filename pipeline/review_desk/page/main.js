// Where the page of the service begins.

import { start } from "wushu/app.js";

start(document.getElementById("app"));
